/** @file The key `backbone` of AffinityNet and segmentation. */
import { z } from 'zod'
import type { RecipeProblem } from '../../methods/definition.ts'
import type { TrainedVit } from '../../models/encoder.ts'
import { deit } from '../../models/vit/widths.ts'
import { encoderOf } from './method.ts'
import type { Recipe } from './schema.ts'

export const backbone = z
  .enum(['model', 'resnet38', 'deit-ti', 'deit-s', 'deit-b'])
  .default('model')
  .describe(
    'model: a vision transformer as large as the classification network; deit-*: one of that size; resnet38: the published backbone, too slow to train on a CPU',
  )

/** Of AffinityNet's stage, which also draws edges from a ResNet50. */
export const affinityBackbone = z
  .enum([...backbone.unwrap().options, 'resnet50'])
  .default('model')
  .describe(
    'model: a vision transformer as large as the classification network; deit-*: one of that size; resnet38: the published backbone of affinitynet, too slow to train on a CPU; resnet50: that of edge, for edge alone',
  )

export type BackboneName = z.output<typeof affinityBackbone>

const DEIT_SIDE = 224 // the images DeiT's position embeddings are for

/** The vision transformer that the key names; undefined for a ResNet. */
export function backboneShape(
  name: BackboneName,
  recipe: Pick<Recipe, 'method' | 'model'>,
): TrainedVit | undefined {
  if (name === 'resnet38' || name === 'resnet50') return undefined
  return name === 'model'
    ? encoderOf(recipe).vit
    : { ...deit[name], tokenPerClass: false, imageSize: DEIT_SIDE }
}

/** Problems of the key: `model` needs a method that trains a vision transformer. */
export function checkBackbone(
  name: BackboneName,
  recipe: Pick<Recipe, 'method' | 'model'>,
  path: string[],
): RecipeProblem[] {
  const { vit, size } = encoderOf(recipe)
  if (name !== 'model' || vit !== undefined) return []
  return [{ path, message: `needs a vision transformer, which ${size} is not; expected resnet38 or deit-*` }]
}
