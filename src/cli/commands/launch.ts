/** @file `tagmask launch`: one command in several processes of this machine, which share its trainings. */
import { join } from 'node:path'
import { buildCommand, type Command, numberParser } from '@stricli/core'
import { InputError } from '../../errors.ts'
import { packageRoot } from '../../io/package-root.ts'
import { checkThreads } from '../../io/thread-count.ts'
import { STAGES } from '../../pipeline/stages/list.ts'
import { launchProcesses } from '../../train/parallel/launch.ts'
import type { CliContext } from '../context.ts'

interface LaunchFlags {
  readonly nproc: number
  readonly threads?: number
}

export const launch: Command<CliContext> = buildCommand<LaunchFlags, [], CliContext>({
  docs: {
    brief: 'Run a command in several processes that train together',
    customUsage: ['--nproc N [--threads N] [--] COMMAND [ARGUMENT]...'],
    fullDescription: `Starts COMMAND (run, demo or a stage) in N processes of this machine, which share each batch of its trainings: the batch
size of the recipe is that of all together. Process 0 does everything else and alone writes; what it says is shown. When a
process ends, all end. torchrun, SLURM and Kubernetes start processes by themselves: docs/many-processes.md.

Examples:
  tagmask launch --nproc 2 run mctformer-v2_deit-s_voc12 --data VOCdevkit/VOC2012 --weights deit-s
  tagmask launch --nproc 4 --threads 8 -- train my.yaml --data photos --set train.batchSize=64`,
  },
  parameters: {
    flags: {
      nproc: { kind: 'parsed', parse: numberParser, placeholder: 'N', brief: 'Number of processes' },
      threads: {
        kind: 'parsed',
        parse: numberParser,
        optional: true,
        placeholder: 'N',
        brief:
          'Compute threads of each; default: while they train the processors divided among them, else all',
      },
    },
  },
  async func({ nproc, threads }) {
    checkCommand(this.launched[0])
    if (!Number.isInteger(nproc) || nproc < 1)
      throw new InputError('--nproc', `is ${nproc}`, { expected: 'a whole number of processes, at least 1' })
    const code = await launchProcesses({
      command: [process.execPath, join(packageRoot(), 'bin/tagmask'), ...this.launched],
      processes: nproc,
      threads: threads === undefined ? undefined : checkThreads(threads, { source: '--threads' }),
      env: this.process.env ?? {},
      signal: this.signal,
      tell: text => this.process.stderr.write(`${text}\n`),
    })
    this.process.exitCode = code
  },
})

const SHARED = [
  'run',
  'demo',
  ...STAGES.flatMap(({ name, command }) => (command === undefined ? [] : [name])),
]

function checkCommand(name: string | undefined): void {
  if (name !== undefined && SHARED.includes(name)) return
  throw new InputError('launch', name === undefined ? 'needs a command to start' : `does not start ${name}`, {
    expected: `it starts what trains: ${SHARED.join(', ')}`,
  })
}

/** Parts a command line at the command that launch starts, whose flags are not launch's; "--" may stand before it. */
export function splitLaunch(words: readonly string[]): {
  readonly own: readonly string[]
  readonly launched: readonly string[]
} {
  if (words[0] !== 'launch') return { own: words, launched: [] }
  let at = 1
  while (words[at]?.startsWith('-') && words[at] !== '--')
    at += /^--(nproc|threads)$/.test(words[at]!) ? 2 : 1
  return { own: words.slice(0, at), launched: words.slice(words[at] === '--' ? at + 1 : at) }
}
