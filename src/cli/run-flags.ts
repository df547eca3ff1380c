/** @file The flags that commands share, in groups, and the recipe keys that they set. A command has those with an effect on it. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { type FlagParametersForType, numberParser } from '@stricli/core'
import { TAG_SOURCES } from '../data/tags/tag-options.ts'
import { InputError } from '../errors.ts'
import { checkThreads } from '../io/thread-count.ts'
import { parseShard, type Shard } from '../pipeline/images/shard.ts'
import type { Override } from '../pipeline/recipe/overrides.ts'
import type { StageFlag } from '../pipeline/run/stage.ts'
import { weightsPath } from '../pipeline/weights/weight-cache.ts'
import type { CliContext } from './context.ts'
import { proposeKeys, proposeWeights } from './proposals.ts'

/** Values of the shared flags. */
export interface RunFlags {
  readonly data?: string
  readonly tags?: string
  readonly weights?: string
  readonly checkpoint?: string
  readonly select?: 'last' | 'tags' | 'gt-miou'
  readonly set?: readonly string[]
  readonly name?: string
  readonly runs: string
  readonly device?: string
  readonly precision?: 'auto' | 'fp32' | 'bf16'
  readonly seed?: number
  readonly threads?: number
  readonly strict?: boolean
  readonly force?: boolean
  readonly 'resume-with-changes'?: boolean
}

/** Of commands whose images are made one by one. */
export interface ShardFlags {
  readonly shard?: Shard
}

/** Of commands that run all stages. */
export interface PlanFlags {
  readonly 'dry-run'?: boolean
  readonly report?: boolean
}

/** Of commands that run stages. */
export type StageFlags = RunFlags & ShardFlags & PlanFlags & OutputFlags

/** How a command that works for long tells of it. */
export interface OutputFlags {
  readonly quiet?: boolean
  readonly json?: boolean
  readonly profile?: string
}

type Flags<Values> = FlagParametersForType<Values, CliContext>

const text = (value: string) => value
const optionalText = { kind: 'parsed', parse: text, optional: true } as const
const optionalNumber = { kind: 'parsed', parse: numberParser, optional: true, placeholder: 'N' } as const
const onOff = { kind: 'boolean', optional: true, withNegated: false } as const

export const tagsFlag: Flags<Pick<RunFlags, 'tags'>> = {
  tags: {
    ...optionalText,
    placeholder: 'FILE',
    brief: 'Where the tags are: a file, or masks, annotations, keywords; default: found in the folder',
  },
}

export const dataFlags: Flags<Pick<RunFlags, 'data' | 'tags' | 'strict'>> = {
  data: {
    ...optionalText,
    placeholder: 'DIR',
    brief: 'Folder of images and tags: VOC 2012, or images/ with tags.csv',
  },
  ...tagsFlag,
  strict: { ...onOff, brief: 'Fail at the first bad image instead of skipping it' },
}

export const startFlags: Flags<Pick<RunFlags, 'weights' | 'checkpoint' | 'select'>> = {
  weights: {
    ...optionalText,
    placeholder: 'FILE|NAME',
    brief: 'Weights to start from: a file, or a name to fetch, such as deit-s (tagmask weights list)',
    proposeCompletions: proposeWeights,
  },
  checkpoint: {
    ...optionalText,
    placeholder: 'FILE',
    brief: 'Trained weights of the whole network, as published: nothing is trained',
  },
  select: {
    kind: 'enum',
    values: ['last', 'tags', 'gt-miou'],
    optional: true,
    brief: 'Weights for CAMs: last, best on tags, or best by masks (not tags alone)',
  },
}

export const setFlag: Flags<Pick<RunFlags, 'set'>> = {
  set: {
    ...optionalText,
    variadic: true,
    placeholder: 'KEY=VALUE',
    brief: 'Sets a key of the recipe; may be repeated',
    proposeCompletions: proposeKeys,
  },
}

export const runsFlag: Flags<Pick<RunFlags, 'runs'>> = {
  runs: {
    kind: 'parsed',
    parse: text,
    default: 'runs',
    placeholder: 'DIR',
    brief: 'Folder that holds all run folders',
  },
}

export const placeFlags: Flags<Pick<RunFlags, 'name' | 'runs'>> = {
  name: { ...optionalText, placeholder: 'NAME', brief: "Name of the run folder; default: the recipe's name" },
  ...runsFlag,
}

export const machineFlags: Flags<Pick<RunFlags, 'device' | 'precision' | 'threads'>> = {
  device: { ...optionalText, placeholder: 'DEVICE', brief: 'cpu, cuda or cuda:N' },
  precision: {
    kind: 'enum',
    values: ['auto', 'fp32', 'bf16'],
    optional: true,
    brief: 'Number format of matrix products; auto: bf16 where the processor has it',
  },
  threads: { ...optionalNumber, brief: 'Compute threads' },
}

export const seedFlag: Flags<Pick<RunFlags, 'seed'>> = {
  seed: { ...optionalNumber, brief: 'Seed of everything random' },
}

export const forceFlag: Flags<Pick<RunFlags, 'force'>> = {
  force: { ...onOff, brief: 'Rerun stages from the start although they are done' },
}

export const shardFlag: Flags<ShardFlags> = {
  shard: {
    kind: 'parsed',
    parse: parseShard,
    optional: true,
    placeholder: 'i/n',
    brief: 'Only part i of the images, from 1 to n, beside processes for the others (docs/shards.md)',
  },
}

export const changesFlag: Flags<Pick<RunFlags, 'resume-with-changes'>> = {
  'resume-with-changes': { ...onOff, brief: 'Resume a run folder that was made with another recipe' },
}

export const planFlags: Flags<PlanFlags> = {
  'dry-run': { ...onOff, brief: 'Only say what would be done: images, classes, trainings, time, disk' },
  report: { ...onOff, brief: 'Write report.html from the start, with losses and CAMs as they come' },
}

export const profileFlag: Flags<Pick<OutputFlags, 'profile'>> = {
  profile: {
    ...optionalText,
    placeholder: 'FILE',
    brief: 'Show at the end where the time went, by operator; a Chrome trace in FILE',
  },
}

export const outputFlags: Flags<OutputFlags> = {
  quiet: { ...onOff, brief: 'Only warnings, errors, and the last lines' },
  json: { ...onOff, brief: 'Each line of the output a JSON object, for programs' },
  ...profileFlag,
}

/** All that a run of stages has; `run` and `demo`, which run them all, have `planFlags` too. */
export const runFlags: Flags<RunFlags & OutputFlags> = {
  ...dataFlags,
  ...startFlags,
  ...setFlag,
  ...placeFlags,
  ...machineFlags,
  ...seedFlag,
  ...forceFlag,
  ...changesFlag,
  ...outputFlags,
}

/** Those of a command that runs all stages. */
export function flagsOfAll(): Flags<StageFlags> {
  return { ...runFlags, ...planFlags } as Flags<StageFlags> // a shard is of one stage
}

const STAGE_FLAGS: ReadonlySet<string> = new Set([
  ...Object.keys({ ...startFlags, ...machineFlags, ...seedFlag, ...shardFlag }),
])

/** Those of a stage: for data, keys, run folder and output, and of the others the ones that it names. */
export function flagsOfStage(names: readonly StageFlag[]): Flags<StageFlags> {
  const own: readonly string[] = names
  const kept = Object.entries({ ...runFlags, ...shardFlag }).filter(
    ([name]) => !STAGE_FLAGS.has(name) || own.includes(name),
  )
  return Object.fromEntries(kept) as Flags<StageFlags> // those left out are optional
}

/** The flags as values of recipe keys. Paths are made absolute, so that a run can be resumed from anywhere. */
export function overridesOf({
  data,
  tags,
  weights,
  checkpoint,
  select,
  device,
  precision,
  seed,
  threads,
  strict,
}: Partial<RunFlags>): Override[] {
  if (checkpoint !== undefined && select !== undefined)
    throw new InputError('--select', 'has no effect with --checkpoint', { expected: 'leave it out' })
  const given: [path: string[], value: unknown, source: string][] = [
    [['data', 'root'], data === undefined ? undefined : resolve(data), `--data ${data}`],
    [['data', 'tags'], tags === undefined ? undefined : tagsOfFlag(tags), `--tags ${tags}`],
    [['weights'], weights === undefined ? undefined : weightsPath(weights), `--weights ${weights}`],
    [
      ['maps', 'weights'],
      checkpoint === undefined ? undefined : resolve(checkpoint),
      `--checkpoint ${checkpoint}`,
    ],
    [['maps', 'checkpoint'], select && (select === 'last' ? 'last' : 'best'), `--select ${select}`],
    [['train', 'select'], select === 'last' ? undefined : select, `--select ${select}`],
    [['device'], device, `--device ${device}`],
    [['precision'], precision, `--precision ${precision}`],
    [['seed'], seed, `--seed ${seed}`],
    [
      ['threads'],
      threads === undefined ? undefined : checkThreads(threads, { source: '--threads' }),
      `--threads ${threads}`,
    ],
    [['strict'], strict, '--strict'],
  ]
  return given.flatMap(([path, value, source]) => (value === undefined ? [] : [{ path, value, source }]))
}

/** A file that is there by its absolute path; other words, and files inside the data set, as they are. */
export function tagsOfFlag(tags: string): string {
  const isWord = (TAG_SOURCES as readonly string[]).includes(tags)
  return !isWord && existsSync(resolve(tags)) ? resolve(tags) : tags
}

/** Throws InputError for a flag without effect; `why` as in "has no effect with --images". */
export function refuseFlags<F extends Partial<RunFlags>>(
  flags: F,
  names: readonly (keyof F & string)[],
  why: string,
): void {
  const given = names.find(name => flags[name] !== undefined && flags[name] !== false)
  if (given !== undefined) throw new InputError(`--${given}`, why, { expected: 'leave it out' })
}
