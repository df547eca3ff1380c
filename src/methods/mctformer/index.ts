/** @file MCTformer as a method: V1, V2 and MCTformer+. */
import { noDecay, vitSizes } from '../../models/vit/index.ts'
import { loadClassTokenWeights } from '../class-token-weights.ts'
import type { Method } from '../method.ts'
import { type LossOptions, mctformerLosses } from './losses.ts'
import { type ClassMapOptions, mctformerMaps } from './maps.ts'
import { Mctformer } from './model.ts'
import type { MctformerModelRecipe } from './recipe.ts'

export { mctformerLosses } from './losses.ts'
export { mctformerMaps } from './maps.ts'
export { Mctformer, type MctformerOptions } from './model.ts'

export interface MctformerSettings {
  readonly model: MctformerModelRecipe
  readonly numClasses: number
  readonly losses?: LossOptions
  readonly maps?: ClassMapOptions
}

/** Builds the network of a recipe with its losses and class maps. */
export function mctformer({ model, numClasses, losses = {}, maps = {} }: MctformerSettings): Method {
  const { width, unet, ...rest } = model
  const network = new Mctformer({ ...vitSizes(width), ...rest, numClasses, unet: unet ?? undefined })
  return {
    network,
    noDecay,
    lrScale: name => (name.startsWith('unet.') ? (unet?.lrScale ?? 1) : 1),
    losses: (images, targets) => mctformerLosses(network.forward(images), targets, losses),
    logits(images) {
      const { classLogits, patchLogits } = network.forward(images)
      return model.variant === 'plus' ? classLogits.add(patchLogits!).div(2) : classLogits
    },
    classMaps: images => mctformerMaps(network, images, maps).maps,
    loadPretrained: (weights, options) => loadClassTokenWeights(network, weights, options),
  }
}
