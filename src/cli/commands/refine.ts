/** @file `tagmask refine`: pseudo masks from CAMs, as the stage of a run, or by the dense CRF or PAR on any folder. */
import { resolve } from 'node:path'
import { buildCommand, type Command, numberParser } from '@stricli/core'
import { InputError } from '../../errors.ts'
import { type CamRefinement, refineCamFolder } from '../../pipeline/out/refine-cam-folder.ts'
import { parseSet } from '../../pipeline/recipe/overrides.ts'
import { fromHere } from '../../pipeline/run/run-folder.ts'
import * as sets from '../../refine/crf-parameters.ts'
import { PAR } from '../../refine/par/parameters.ts'
import type { CliContext } from '../context.ts'
import { proposeRuns } from '../proposals.ts'
import {
  flagsOfStage,
  type OutputFlags,
  overridesOf,
  type RunFlags,
  refuseFlags,
  type ShardFlags,
} from '../run-flags.ts'
import { runWithFlags } from './run.ts'

/** The papers' parameters by the name of a flag's value. */
const PARAMETERS = {
  cams: sets.CAM_CRF,
  'mctformer-masks': sets.MCTFORMER_MASK_CRF,
  'weaktr-voc-labels': sets.WEAKTR_VOC_LABEL_CRF,
  'weaktr-voc-masks': sets.WEAKTR_VOC_MASK_CRF,
  'weaktr-coco-masks': sets.WEAKTR_COCO_MASK_CRF,
  labels: sets.LABEL_CRF,
  'semformer-labels': sets.SEMFORMER_LABEL_CRF,
  'afa-masks': sets.AFA_MASK_CRF,
} as const satisfies Record<string, sets.CrfParameters>

function parseParameters(name: string): sets.CrfParameters {
  const found = Object.entries(PARAMETERS).find(([known]) => known === name)?.[1]
  if (found !== undefined) return found
  throw new Error(`expected ${Object.keys(PARAMETERS).join(', ')}`)
}

interface RefineFlags extends RunFlags, ShardFlags, OutputFlags {
  readonly method?: CamRefinement['method']
  readonly images?: string
  readonly out?: string
  readonly alpha?: number
  readonly parameters?: sets.CrfParameters
}

const path = { kind: 'parsed', parse: (value: string) => value, optional: true, placeholder: 'DIR' } as const

export const refine: Command<CliContext> = buildCommand<RefineFlags, [string], CliContext>({
  docs: {
    brief: 'Pseudo masks from CAMs',
    customUsage: [
      'RUN [flags]',
      'MAPS --method crf --images DIR --out DIR [--alpha N] [--parameters SET]',
      'MAPS --method par --images DIR --out DIR [--alpha N]',
    ],
    fullDescription: `On a run: its stage refine, which writes pseudo-masks/ID.png from the CAMs by the recipe. Needs the stages before it
(tagmask run runs them all).
With --method crf: a folder of CAMs (ID.safetensors, as maps/ of a run, or ID.npy, the dictionaries of
PSA's and IRN's scripts) through the dense CRF, with --method par through
pixel-adaptive refinement as in AFA on VOC, without any network: DIR/ID.png, a PNG whose palette indices are the labels,
with their names and colours in DIR/labels.txt and DIR/labels.json. The background scores (1 - strongest map)^alpha; maps are scores from 0 to 1.
DIR is a new or empty folder, or one that this command has written: your files are never overwritten. Existing masks stay
unless their CAMs or images have changed; those of other settings are refused, or recomputed with --force.
Sets of --parameters: ${Object.keys(PARAMETERS).join(', ')}.

Examples:
  tagmask refine mctformer_demo
  tagmask refine thirty --shard 2/8            (an eighth of the images: docs/shards.md)
  tagmask refine runs/mctformer_demo/maps --method crf --images photos --out masks
  tagmask refine runs/mctformer_demo/maps --method par --images photos --out par-masks
  tagmask refine runs/thirty/maps --method crf --images VOC2012/JPEGImages --out masks --alpha 8 --parameters afa-masks`,
  },
  parameters: {
    flags: {
      ...flagsOfStage(['device', 'precision', 'threads', 'shard']),
      method: {
        kind: 'enum',
        values: ['crf', 'par'],
        optional: true,
        brief: 'Dense CRF or PAR on a folder of CAMs',
      },
      images: { ...path, brief: 'The images of the CAMs' },
      out: { ...path, brief: 'Folder for the masks: new, empty, or written by this command' },
      alpha: {
        kind: 'parsed',
        parse: numberParser,
        optional: true,
        placeholder: 'N',
        brief: 'Exponent of the background score; a higher one gives more foreground; default 4',
      },
      parameters: {
        kind: 'parsed',
        parse: parseParameters,
        optional: true,
        placeholder: 'SET',
        brief: 'Parameters of the CRF, named by their use in the papers; default cams',
      },
    },
    positional: {
      kind: 'tuple',
      parameters: [
        {
          parse: value => value,
          placeholder: 'RUN',
          brief: 'Name or folder of a run, a recipe, or a folder of CAMs',
          proposeCompletions: proposeRuns,
        },
      ],
    },
  },
  async func(flags, target) {
    const { method, images, out, alpha, parameters } = flags
    if (method === undefined) {
      const given = Object.entries({ images, out, alpha, parameters }).find(
        ([, value]) => value !== undefined,
      )
      if (given !== undefined) {
        throw new InputError(`--${given[0]}`, 'is for a folder of CAMs', {
          expected: 'add --method crf or --method par',
        })
      }
      await runWithFlags(this, flags, target, ['refine'])
      return
    }
    for (const [name, value] of Object.entries({ images, out })) {
      if (value === undefined)
        throw new InputError(`--${name}`, 'is not given', {
          expected: `--method ${method} needs --${name} DIR`,
        })
    }
    const foreign = ['data', 'name', 'device', 'precision', 'resume-with-changes'] as const
    refuseFlags(flags, foreign, 'has no effect on a folder of CAMs')
    if (method === 'par' && parameters !== undefined)
      throw new InputError('--parameters', 'is for the dense CRF', { expected: 'add --method crf' })
    overridesOf(flags) // checks --threads
    const folder = resolve(out!)
    const log = this.openLog(flags)
    await refineCamFolder({
      maps: target,
      images: images!,
      out: folder,
      alpha: alpha ?? 4,
      refinement:
        method === 'par'
          ? { method, parameters: PAR }
          : { method, parameters: parameters ?? PARAMETERS.cams },
      threads: flags.threads ?? null,
      ...keysOf(flags),
      shard: flags.shard,
      strict: flags.strict ?? false,
      force: flags.force ?? false,
      signal: this.signal,
      log,
    })
    if (flags.shard !== undefined) return
    const text = `masks in ${fromHere(folder)}; names and colours of their labels in labels.txt`
    log.tell(text, { out: fromHere(folder) })
  },
})

/** The recipe keys that apply without a run. Throws InputError for others. */
function keysOf({ set = [] }: RunFlags): { maxLost?: number; memory?: number } {
  const keys: { maxLost?: number; memory?: number } = {}
  for (const { path, value, source } of set.map(parseSet)) {
    const key = path.join('.')
    const number = typeof value === 'number' ? value : Number.NaN
    if (key === 'data.maxLost') {
      if (!(number >= 0 && number <= 1))
        throw new InputError(source, 'is not a share', { expected: 'expected a number from 0 to 1' })
      keys.maxLost = number
    } else if (key === 'memory') {
      if (!(number >= 64))
        throw new InputError(source, 'is no amount of memory', {
          expected: 'expected megabytes, at least 64',
        })
      keys.memory = number
    } else throw new InputError(source, 'has no effect on a folder of CAMs', { expected: 'leave it out' })
  }
  return keys
}
