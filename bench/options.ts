/** @file The options of `npm run bench`, and its --help. Loads no libtorch. */
import { parseArgs } from 'node:util'
import { InputError } from '../src/errors.ts'
import { nearestName } from '../src/nearest-name.ts'
import { precision as precisionKey } from '../src/pipeline/recipe/precision.ts'
import type { Precision } from '../src/torch/index.ts'
import { REPOSITORIES } from './repositories.ts'

export interface BenchOptions {
  readonly help: boolean
  /** Rows or groups; none: all. */
  readonly only: readonly string[]
  readonly list: boolean
  readonly quick: boolean
  readonly json: boolean
  readonly device: string
  readonly precisions: readonly Precision[]
  readonly rounds: number
  readonly batch: number | undefined
  readonly clones: Readonly<Record<string, string>>
  readonly data: string | undefined
  readonly peerDefaults: boolean
  /** Read the history and measure nothing. */
  readonly compare: boolean
  /** Whether it has the usual sizes and peers, as those in the history. */
  readonly comparable: boolean
  /** Whether it is appended to the history. */
  readonly record: boolean
  /** Undefined: bench/history.jsonl of the work tree. */
  readonly history: string | undefined
}

export const HELP = `npm run bench -- [OPTIONS]      or, in a tree that is set up: node dist/bench/bench.js [OPTIONS]

Each hot path beside a peer that does the same and beside its floor, in turns in one run; medians. Progress is on stderr.

  --only NAME,...      these rows, or groups of rows (train, cams, dense-crf, ...)
  --list               the rows and what each does
  --quick              small sizes, one round: whether it runs, not how fast; not in the history
  --rounds N           counted rounds, from 3 (default 5); one more warms up
  --device DEVICE      cpu (default), or cuda, cuda:N: then training, CAMs and maps alone
  --precision P        fp32 or bf16 (default: both where the processor multiplies bf16, and on cuda)
  --batch N            images of a training step (default: as in the title of the row); not in the history
  --data DIR           tagged images for data-loading and data-check (default: made pictures); not in the history
  --clone NAME=PATH    a clone of the authors' repository as peer of train/NAME, afa also of par; repeat it. NAME:
${Object.entries(REPOSITORIES)
  .map(([name, { url }]) => `                         ${name.padEnd(12)}${url}`)
  .join('\n')}
  --peer-defaults      PyTorch with the kernels that it picks, not with those that we use; not in the history
  --json               one JSON object in place of the table
  --compare            measure nothing: what became slower, by the history
  --history FILE       default: bench/history.jsonl, where this is a git work tree; elsewhere nothing is written
  --no-history         read it, and do not append to it
  --help

Columns: ours (median); floor, the share of what the machine could do, measured in the same rounds: of the speed of matrix products
(tagmask doctor), of the bandwidth of memory, or of the bare decode or read; the peer and its median; ratio, its time over ours; memory,
ours over its; the bar of the issue and whether it is met. "-": not measured, and where a peer is missing a line says how to give it.

Environment: TAGMASK_TORCH_PYTHON, a python with torch, numpy, PIL (default: the first of /usr/bin/python3 and python3 that has what a
peer needs); TAGMASK_PYDENSECRF, one with pydensecrf; TAGMASK_THREADS, threads of both sides.

Where others use more than half of a core, a line says "busy: ratios only", and the rows are not compared. After a run, rows are
named whose share of the floor or ratio to the peer fell by more than 10 % since their last entry on this kind of machine.
`

/** Throws InputError naming the option. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parsed(args)
  const { quick, batch, data, compare } = values
  const rounds = wholeNumber('--rounds', values.rounds ?? (quick ? '1' : '5'), quick ? 1 : 3)
  const comparable = !quick && batch === undefined && data === undefined && !values['peer-defaults']
  return {
    help: values.help,
    only: (values.only ?? []).flatMap(names => names.split(',')).filter(name => name !== ''),
    list: values.list,
    quick,
    json: values.json,
    device: values.device,
    precisions: precisionsOf(values.precision, values.device),
    rounds,
    batch: batch === undefined ? undefined : wholeNumber('--batch', batch, 1),
    clones: Object.fromEntries((values.clone ?? []).map(parseClone)),
    data,
    peerDefaults: values['peer-defaults'],
    compare,
    comparable,
    record: comparable && !values['no-history'],
    history: values.history,
  }
}

const OPTIONS = {
  help: { type: 'boolean', default: false },
  only: { type: 'string', multiple: true },
  list: { type: 'boolean', default: false },
  quick: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  device: { type: 'string', default: 'cpu' },
  precision: { type: 'string' },
  rounds: { type: 'string' },
  batch: { type: 'string' },
  clone: { type: 'string', multiple: true },
  data: { type: 'string' },
  'peer-defaults': { type: 'boolean', default: false },
  compare: { type: 'boolean', default: false },
  history: { type: 'string' },
  'no-history': { type: 'boolean', default: false },
} as const

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS })
  } catch (cause) {
    const flag = /'(--[a-z-]+)/.exec(cause instanceof Error ? cause.message : '')?.[1]
    const near = flag === undefined ? undefined : nearestName(flag.slice(2), Object.keys(OPTIONS))
    const known = flag !== undefined && Object.hasOwn(OPTIONS, flag.slice(2))
    throw new InputError(
      flag ?? 'bench',
      known ? 'is not used in this way' : 'is not an option of the benchmark',
      {
        expected: near === undefined || known ? 'see --help' : `did you mean --${near}?`,
        cause,
      },
    )
  }
}

/** Throws InputError for another text. */
export function wholeNumber(flag: string, text: string, least: number): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= least) return value
  throw new InputError(flag, `is '${text}'`, { expected: `expected a whole number from ${least}` })
}

function precisionsOf(given: string | undefined, device: string): readonly Precision[] {
  if (given === 'fp32' || given === 'bf16') return [given]
  if (given !== undefined)
    throw new InputError('--precision', `is '${given}'`, { expected: 'expected fp32 or bf16' })
  return device !== 'cpu' || precisionKey.parse('auto') === 'bf16' ? ['fp32', 'bf16'] : ['fp32']
}

function parseClone(text: string): [string, string] {
  const [, name = '', path = ''] = /^([^=]*)=(.+)$/.exec(text) ?? []
  if (Object.hasOwn(REPOSITORIES, name) && path !== '') return [name, path]
  throw new InputError('--clone', `is '${text}'`, {
    expected: `expected NAME=PATH, where NAME is ${Object.keys(REPOSITORIES).join(', ')}`,
  })
}
