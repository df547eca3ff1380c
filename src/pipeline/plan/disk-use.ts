/** @file The disk that a finished run takes, by formulas: CAMs and weights are nearly all of it. Imports no torch. */
import type { TrainedVit } from '../../models/encoder.ts'
import { type BackboneName, backboneShape } from '../recipe/backbone.ts'
import { autoencoderOf, encoderOf } from '../recipe/method.ts'
import { walks } from '../recipe/refine.ts'
import type { Recipe } from '../recipe/schema.ts'
import type { StageName } from '../run/stage.ts'
import { stageNames } from '../stages/list.ts'
import type { WorkSize } from './stage-work.ts'

const TAGS = 1.3 // classes of an image
const MASK = 0.03 // bytes a pixel: a label PNG
const OVERLAY = 0.25 // a JPEG of at most 1024 pixels
const SEEN = 1024
const REPORTED = 25e3 // bytes an image
const OTHERS = 1e6 // metrics, scores, lists
const RESNET = { resnet38: 420e6, resnet50: 100e6 } // their weights
const MIT = 55e6

/** Weights, their gradients' averages, and the file of before while a new one is written. */
const STATE = 6.2

/** Bytes at the most while the recipe runs: beside what stays, the states of the largest training, or of all that are kept. */
export function peakDisk(recipe: Recipe, size: Parameters<typeof estimateDisk>[1]): number {
  const { segment, refine, affinity, keep } = recipe
  const weights = [
    encoderBytes(recipe),
    ...(walks(refine) ? [backboneBytes(affinity.backbone, recipe)] : []),
    ...(segment === null ? [] : [backboneBytes(segment.backbone, recipe)]),
    weightsOf(autoencoderOf(recipe)?.encoder.vit),
  ]
  const states = weights.map(bytes => STATE * bytes)
  const stays = [...estimateDisk(recipe, size).values()].reduce((sum, bytes) => sum + bytes, 0)
  return stays + (keep === 'all' ? states.reduce((sum, bytes) => sum + bytes, 0) : Math.max(...states))
}

/** Bytes of each stage of the recipe once it is done, without states that are kept. */
export function estimateDisk(
  recipe: Recipe,
  { images, valImages, ...size }: WorkSize & { readonly tags?: number },
): ReadonlyMap<StageName, number> {
  const area = size.width * size.height
  const shown = area * Math.min(1, SEEN / Math.max(size.width, size.height)) ** 2
  const bytes = recipe.maps.storage === 'float16' ? 2 : 4
  const cams = images * (size.tags ?? TAGS) * area * bytes
  const masks = images * area * MASK
  const { segment, refine, maps, result } = recipe
  const checkpoints = maps.checkpoint === 'best' || recipe.train.validateEvery > 0 ? 2 : 1
  const ways = recipe.predict.crf === null ? 2 : 3
  const overlays = images + valImages <= result.overlays ? (images + valImages) * shown * OVERLAY : 0
  const of: Readonly<Record<StageName, number>> = {
    autoencoder: 2 * weightsOf(autoencoderOf(recipe)?.encoder.vit) * 1.3,
    train: checkpoints * encoderBytes(recipe) + OTHERS,
    maps: cams,
    evaluate: masks,
    affinity: backboneBytes(recipe.affinity.backbone, recipe) + cams / 8,
    refine: (walks(refine) ? cams : 0) + masks * (refine.sure === null ? 1 : 2),
    segment:
      segment === null ? 0 : backboneBytes(segment.backbone, recipe) + (segment.retrain === null ? 0 : masks),
    predict: valImages * area * MASK * ways,
    result: masks + overlays,
    report: (images + valImages) * REPORTED,
  }
  return new Map(stageNames(recipe).map(stage => [stage, of[stage] ?? 0]))
}

function encoderBytes(recipe: Recipe): number {
  const { vit } = encoderOf(recipe)
  return vit === undefined ? MIT : weightsOf(vit)
}

function backboneBytes(name: BackboneName, recipe: Recipe): number {
  const vit = backboneShape(name, recipe)
  if (vit !== undefined) return weightsOf(vit)
  return name === 'resnet50' ? RESNET.resnet50 : RESNET.resnet38
}

/** Twelve squares of the width a block, and the patch embedding, in float32. */
function weightsOf(vit: TrainedVit | undefined): number {
  if (vit === undefined) return 0
  const { embedDim, depth, patchSize } = vit
  return 4 * (12 * embedDim ** 2 * depth + 3 * patchSize ** 2 * embedDim)
}
