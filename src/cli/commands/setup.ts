/** @file `tagmask setup`: sets up a package that npm has installed. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { buildCommand, type Command } from '@stricli/core'
import { InputError } from '../../errors.ts'
import { packageRoot } from '../../io/package-root.ts'
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
    const script = join(packageRoot(), 'scripts', 'setup.mjs')
    const args = [script, ...(libtorch === undefined ? [] : ['--libtorch', libtorch])]
    const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' })
    if (status !== 0) throw new InputError('set-up', 'has failed', { expected: 'the lines above say why' })
  },
})
