/** @file `tagmask predict`: masks from the segmentation network of a run, of its own images or of any folder. */
import { resolve } from 'node:path'
import { buildCommand, type Command } from '@stricli/core'
import { InputError } from '../../errors.ts'
import { loadRecipe } from '../../pipeline/recipe/load.ts'
import { findRun } from '../../pipeline/run/find-run.ts'
import { existingRunFolder } from '../../pipeline/run/run-folder.ts'
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

interface PredictFlags extends RunFlags, ShardFlags, OutputFlags {
  readonly images?: string
  readonly out?: string
  readonly crf?: boolean
  readonly overlays?: boolean
}

const path = { kind: 'parsed', parse: (value: string) => value, optional: true, placeholder: 'DIR' } as const
const onOff = { kind: 'boolean', optional: true, withNegated: false } as const

export const predict: Command<CliContext> = buildCommand<PredictFlags, [string], CliContext>({
  docs: {
    brief: 'Masks from the trained segmentation network of a run',
    customUsage: ['RUN --images DIR --out DIR [--crf] [--overlays] [flags]', 'RUN [flags]'],
    fullDescription: `With --images: a mask for every image of a folder, which needs no tags: DIR/ID.png, a PNG whose palette indices are
the labels (0 background), and with --overlays DIR/overlays/ID.png, the mask laid over its image. Names and colours of the
labels are in DIR/labels.txt and DIR/labels.json; DIR/report.html shows all images with their masks, by class and by how much
of an image a class covers.
DIR is a new or empty folder, or one that this command has written: your files are never overwritten. Existing masks stay
unless their images have changed; those of another run or other settings are refused, or recomputed with --force. Fails
when more images than data.maxLost cannot be used.
Without: the stage predict of the run: masks of its validation images at one scale, several, and with the dense
CRF, scored as val, val ms and val ms+crf against existing masks.
Needs the stage segment of the run.

Examples:
  tagmask predict mctformer_demo --images photos --out masks --crf --overlays
  tagmask predict mctformer_demo --images photos --out quick --set predict.scales='[1]' --set predict.flip=false
  tagmask predict mctformer_demo --images photos --out masks --shard 2/8      (an eighth of the images: docs/shards.md)
  tagmask predict mctformer_demo`,
  },
  parameters: {
    flags: {
      ...flagsOfStage(['device', 'precision', 'threads', 'shard']),
      images: { ...path, brief: 'Folder of images; those in its sub-folders count too' },
      out: { ...path, brief: 'Folder for the masks: new, empty, or written by this command' },
      crf: { ...onOff, brief: 'Refine borders by the dense CRF; slower' },
      overlays: { ...onOff, brief: 'Also write each mask laid over its image' },
    },
    positional: {
      kind: 'tuple',
      parameters: [
        {
          parse: value => value,
          placeholder: 'RUN',
          brief: 'Name or folder of a run; without --images also a recipe',
          proposeCompletions: proposeRuns,
        },
      ],
    },
  },
  async func(flags, target) {
    const { images, out, crf = false, overlays = false } = flags
    if (images === undefined) {
      const flag = out !== undefined ? '--out' : crf ? '--crf' : overlays ? '--overlays' : undefined
      if (flag !== undefined)
        throw new InputError(flag, 'needs --images', { expected: 'say which images: --images DIR' })
      await runWithFlags(this, flags, target, ['predict'])
      return
    }
    if (out === undefined)
      throw new InputError('--out', 'is not given', { expected: 'say where the masks go: --out DIR' })
    refuseFlags(flags, ['data', 'name', 'resume-with-changes'], 'has no effect with --images')
    const { run } = await existingRunFolder(await findRun(target, flags))
    const log = this.openLog(flags)
    const { recipe } = await loadRecipe(run.recipe, { set: flags.set ?? [], overrides: overridesOf(flags) })
    const { predictFolder } = await import('../../pipeline/out/predict-folder.ts')
    await predictFolder({
      run,
      recipe,
      images,
      out: resolve(out),
      crf,
      overlays,
      shard: flags.shard,
      force: flags.force ?? false,
      signal: this.signal,
      log,
    })
  },
})
