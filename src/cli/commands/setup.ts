/** @file `tagmask setup`: sets up a package that npm has installed. */
import { buildCommand, type Command } from '@stricli/core'
import { setUp } from '../../pipeline/run/set-up.ts'
import type { CliContext } from '../context.ts'

interface SetupFlags {
  readonly libtorch?: string
}

export const setup: Command<CliContext> = buildCommand<SetupFlags, [], CliContext>({
  docs: {
    brief: 'Find or install libtorch and build the native addons',
    fullDescription: `Run it after npm install and after changes of libtorch; it is quick when there is nothing to do. Builds into the package,
or into the cache if that is read-only.

Examples:
  tagmask setup
  tagmask setup --libtorch /opt/libtorch`,
  },
  parameters: {
    flags: {
      libtorch: {
        kind: 'parsed',
        parse: value => value,
        optional: true,
        placeholder: 'DIR',
        brief: 'Build for this libtorch too',
      },
    },
  },
  func({ libtorch }) {
    setUp({ libtorch })
  },
})
