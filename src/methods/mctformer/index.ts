/** @file MCTformer as a method: V1, V2 and MCTformer+. */
import { deit } from '../../models/vit/index.ts'
import type { Method } from '../method.ts'
import { loadPretrained } from './adapt.ts'
import { type LossOptions, mctformerLosses } from './losses.ts'
import { type ClassMapOptions, mctformerMaps } from './maps.ts'
import { Mctformer } from './model.ts'
import type { MctformerModelRecipe } from './recipe.ts'

export { mctformerLosses } from './losses.ts'
export { mctformerMaps } from './maps.ts'
export { Mctformer, type MctformerOptions } from './model.ts'

/** timm's list: MCTformer+'s own two position embeddings are not on it, and so do decay. */
export const noDecay: ReadonlySet<string> = new Set(['pos_embed', 'cls_token'])

export interface MctformerSettings {
  readonly model: MctformerModelRecipe
  readonly numClasses: number
  readonly losses?: LossOptions
  readonly maps?: ClassMapOptions
}

/** Builds the network of a recipe with its losses and class maps. */
export function mctformer({ model, numClasses, losses = {}, maps = {} }: MctformerSettings): Method {
  const { variant, imageSize, patchSize, dropPath, decay, width } = model
  const size = typeof width === 'string' ? deit[width] : { ...width, mlpRatio: 4 }
  const network = new Mctformer({ ...size, variant, numClasses, imageSize, patchSize, dropPath, decay })
  return {
    network,
    noDecay,
    losses: (images, targets) => mctformerLosses(network.forward(images), targets, losses),
    logits(images) {
      const { classLogits, patchLogits } = network.forward(images)
      return variant === 'plus' ? classLogits.add(patchLogits!).div(2) : classLogits
    },
    classMaps: images => mctformerMaps(network, images, maps).maps,
    loadPretrained: (weights, options) => loadPretrained(network, weights, options),
  }
}
