/** @file WeakTr's CAM network as a method. */
import { noDecay, vitSizes } from '../../models/vit/index.ts'
import { decayGroups } from '../../optim/index.ts'
import { scope, type Tensor } from '../../torch/index.ts'
import { headWeightMeter } from '../head-weights.ts'
import type { Method } from '../method.ts'
import { multiScaleCamsOf } from '../multi-scale.ts'
import { loadPretrained } from './adapt.ts'
import { weaktrLosses } from './losses.ts'
import { type WeaktrCamOptions, weaktrCams } from './maps.ts'
import { Weaktr } from './model.ts'
import type { WeaktrModelRecipe } from './recipe.ts'

export { Weaktr, type WeaktrOptions } from './model.ts'

export interface WeaktrSettings {
  readonly model: WeaktrModelRecipe
  readonly numClasses: number
  readonly maps?: WeaktrCamOptions
}

/** Builds the network of a recipe with its losses and CAMs. */
export function buildWeaktr({ model, numClasses, maps = {} }: WeaktrSettings): Method {
  const { width, fusion, ...rest } = model
  const network = new Weaktr({ ...vitSizes(width), ...rest, fusion, numClasses })
  const meter = headWeightMeter({ heads: network.heads, depth: network.blocks.length })
  const viewCams = (images: Tensor): Tensor =>
    scope(() => {
      const made = weaktrCams(network, images, maps)
      if (fusion.kind === 'aaf') meter.add(made.headWeights.toFloat32Array())
      return made.maps
    })
  return {
    network,
    numClasses,
    parameterGroups: options =>
      decayGroups(network, {
        ...options,
        noDecay,
        lrScale: name =>
          fusion.kind === 'aaf' && name.startsWith('adaptive_attention_fusion.') ? fusion.lrScale : 1,
      }),
    losses: ({ images, targets }) => weaktrLosses(network.forward(images), targets),
    logits: images => network.forward(images).classLogits,
    imageCams: (images, options) => multiScaleCamsOf(viewCams, images, options),
    takeHeadWeights: meter.take,
    classTokens: images => network.classTokensOfBlocks(images),
    loadPretrained: (weights, options) => loadPretrained(network, weights, options),
  }
}
