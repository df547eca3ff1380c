/** @file The flags shared by `run` and the stages, and the recipe keys that they set. */
import { resolve } from 'node:path'
import { type FlagParametersForType, numberParser } from '@stricli/core'
import { InputError } from '../errors.ts'
import { checkThreads } from '../io/thread-count.ts'
import type { Override } from '../pipeline/recipe/overrides.ts'
import type { CliContext } from './context.ts'

/** Values of the shared flags. */
export interface RunFlags {
  readonly data?: string
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

const text = (value: string) => value

/** How the flags are parsed and explained. */
export const runFlags: FlagParametersForType<RunFlags, CliContext> = {
  data: {
    kind: 'parsed',
    parse: text,
    optional: true,
    placeholder: 'DIR',
    brief: 'Folder of images and tags: VOC 2012, or images/ with tags.csv',
  },
  weights: {
    kind: 'parsed',
    parse: text,
    optional: true,
    placeholder: 'FILE',
    brief: 'Weights to start from (.safetensors or .pth), such as DeiT',
  },
  checkpoint: {
    kind: 'parsed',
    parse: text,
    optional: true,
    placeholder: 'FILE',
    brief: 'Trained weights of the whole network, as the authors publish them: nothing is trained',
  },
  select: {
    kind: 'enum',
    values: ['last', 'tags', 'gt-miou'],
    optional: true,
    brief: 'Weights for CAMs: last, best on tags, or best by masks (then not from tags alone)',
  },
  set: {
    kind: 'parsed',
    parse: text,
    optional: true,
    variadic: true,
    placeholder: 'KEY=VALUE',
    brief: 'Sets a key of the recipe; may be repeated',
  },
  name: {
    kind: 'parsed',
    parse: text,
    optional: true,
    placeholder: 'NAME',
    brief: "Name of the run folder; default: the recipe's name",
  },
  runs: {
    kind: 'parsed',
    parse: text,
    default: 'runs',
    placeholder: 'DIR',
    brief: 'Folder that holds all run folders',
  },
  device: {
    kind: 'parsed',
    parse: text,
    optional: true,
    placeholder: 'DEVICE',
    brief: 'cpu, cuda or cuda:N',
  },
  precision: {
    kind: 'enum',
    values: ['auto', 'fp32', 'bf16'],
    optional: true,
    brief: 'Number format of matrix products; auto: bf16 where the processor supports it',
  },
  seed: {
    kind: 'parsed',
    parse: numberParser,
    optional: true,
    placeholder: 'N',
    brief: 'Seed of everything random',
  },
  threads: {
    kind: 'parsed',
    parse: numberParser,
    optional: true,
    placeholder: 'N',
    brief: 'Compute threads',
  },
  strict: {
    kind: 'boolean',
    optional: true,
    withNegated: false,
    brief: 'Fail at the first bad image instead of skipping it',
  },
  force: {
    kind: 'boolean',
    optional: true,
    withNegated: false,
    brief: 'Rerun stages from the start although they are done',
  },
  'resume-with-changes': {
    kind: 'boolean',
    optional: true,
    withNegated: false,
    brief: 'Resume a run folder that was made with another recipe',
  },
}

/** The flags as values of recipe keys. Paths are made absolute, so that a run can be resumed from anywhere. */
export function overridesOf({
  data,
  weights,
  checkpoint,
  select,
  device,
  precision,
  seed,
  threads,
  strict,
}: RunFlags): Override[] {
  const given: [path: string[], value: unknown, source: string][] = [
    [['data', 'root'], data === undefined ? undefined : resolve(data), `--data ${data}`],
    [['weights'], weights === undefined ? undefined : resolve(weights), `--weights ${weights}`],
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

/** Throws InputError for a flag without effect; `why` as in "has no effect with --images". */
export function refuseFlags<F extends RunFlags>(
  flags: F,
  names: readonly (keyof F & string)[],
  why: string,
): void {
  const given = names.find(name => flags[name] !== undefined && flags[name] !== false)
  if (given !== undefined) throw new InputError(`--${given}`, why, { expected: 'leave it out' })
}
