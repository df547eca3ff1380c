/** @file The backbone of AffinityNet and of segmentation in a recipe, and its initial weights. */
import { readWeights } from '../../io/weights.ts'
import {
  type DenseBackbone,
  type DenseNetwork,
  type PretrainedBackbone,
  resnet38Backbone,
  vitBackbone,
} from '../../models/dense-backbone.ts'
import { describeLoaded } from '../../models/loaded-weights.ts'
import type { FrozenPart } from '../../models/resnet38/index.ts'
import type { Module } from '../../nn/index.ts'
import type { Log } from '../../train/log.ts'
import { type BackboneName, backboneShape } from '../recipe/backbone.ts'
import type { Recipe } from '../recipe/schema.ts'
import { randomBackbone, warnOfRandomStart } from '../run/random-weights.ts'
import { fromHere, type RunFolder } from '../run/run-folder.ts'
import { warnOfNormalisation } from '../weights/normalisation.ts'
import { trainedWeights } from './build-method.ts'

export interface BackboneOptions {
  readonly numClasses: number
  /** Frozen parts of ResNet38. */
  readonly frozen: readonly FrozenPart[]
  /** Of a vision transformer's maps; default: half a patch. */
  readonly stride?: number | undefined
}

/** Builds it with random weights. */
export function buildBackbone(
  name: Exclude<BackboneName, 'resnet50'>,
  recipe: Recipe,
  { numClasses, frozen, stride }: BackboneOptions,
): DenseBackbone {
  const shape = backboneShape(name, recipe)
  if (shape === undefined) return resnet38Backbone({ frozen })
  return vitBackbone({
    ...shape,
    classTokens: shape.tokenPerClass ? numClasses : 1,
    ...(stride !== undefined && { stride }),
  })
}

export interface StartOptions {
  readonly recipe: Recipe
  readonly run: RunFolder
  /** Folder of the training that starts. */
  readonly checkpoints: string
  readonly log: Log
  readonly stage: 'affinity' | 'segment'
}

/**
 * Starts a network from the file that its section names or, where it has the classification network's size, from the run's own
 * trained weights; logs what was drawn at random. Throws InputError when the weights are of another architecture.
 */
export async function startBackbone(
  network: Pick<DenseNetwork<Module, PretrainedBackbone>, 'loadPretrained' | 'stateDict'>,
  { backbone, weights: file }: { readonly backbone: BackboneName; readonly weights: string | null },
  { recipe, run, checkpoints, log, stage }: StartOptions,
): Promise<void> {
  const from = file ?? (backbone === 'model' ? trainedWeights(recipe, run) : undefined)
  if (from === undefined) {
    await warnOfRandomStart(randomBackbone(stage, { backbone, weights: file }), { checkpoints, log })
    return
  }
  const weights = await readWeights(from)
  if (file !== null) {
    const own = stage === 'segment' ? recipe.segment?.normalise : undefined
    const key = own == null ? 'normalise' : 'segment.normalise'
    await warnOfNormalisation(from, weights, { used: own ?? recipe.normalise, key, log })
  }
  const loaded = network.loadPretrained(weights, { file: from })
  const { info, warning } = describeLoaded(loaded, { names: weights.keys(), own: network.stateDict() })
  log.info(`${stage}: weights from ${fromHere(from)} (${info})`)
  if (warning !== undefined) log.warn(`${stage}: ${fromHere(from)}: ${warning}`)
}
