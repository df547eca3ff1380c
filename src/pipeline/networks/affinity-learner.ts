/** @file The two networks that learn which places of an image belong together: AffinityNet by features, IRN's by edges. */
import type { DenseNetwork, PretrainedBackbone } from '../../models/dense-backbone.ts'
import type { Losses, Module } from '../../nn/index.ts'
import type { ParameterGroup } from '../../optim/index.ts'
import {
  affinityGroups,
  affinityLosses,
  affinityNet,
  imageAffinities,
  pairAffinity,
  pairLabels,
  SMALL,
  type WalkedImage,
  walkedMaps,
} from '../../refine/affinity/index.ts'
import {
  EdgeNet,
  edgeBackboneOf,
  edgeGroups,
  edgeLosses,
  edgeWalkedMaps,
  imageEdges,
  resnet50Backbone,
} from '../../refine/edge-walk/index.ts'
import { autocast, fromData, scope, type Tensor } from '../../torch/index.ts'
import { backboneShape } from '../recipe/backbone.ts'
import type { Recipe } from '../recipe/schema.ts'
import { buildBackbone } from './build-backbone.ts'

/** A network that learns affinities from label maps, and lets CAMs walk along them. */
export interface AffinityLearner {
  readonly network: DenseNetwork<Module, PretrainedBackbone> & { forward(images: Tensor): Tensor }
  /** Pixels from one label to the next. */
  readonly stride: number
  /** images [B, 3, S, S], normalised, and their labels [B, S/stride, S/stride], 255: none */
  losses(images: Tensor, labels: Uint8Array): Losses
  groups(options: { weightDecay: number; headScale: number }): ParameterGroup[]
  /** CAMs after the random walk, each [height, width]; image [1, 3, height, width], normalised. */
  walkedMaps(image: Tensor, seed: WalkedImage): Map<number, Float32Array>
}

/** AffinityNet; the first stages of ResNet38 are frozen, as published. */
export function featureLearner(recipe: Recipe, { numClasses }: { numClasses: number }): AffinityLearner {
  const { backbone: name, radius, pairs } = recipe.affinity
  if (name === 'resnet50') throw new RangeError('AffinityNet has no resnet50') // checkAffinity
  const backbone = buildBackbone(name, recipe, { numClasses, frozen: ['conv1a', 'b2', 'b2_1', 'b2_2'] })
  const network = affinityNet(backbone, name === 'resnet38' ? {} : { reduced: SMALL })
  const { stride } = backbone
  return {
    network,
    stride,
    losses(images, labels) {
      const affinity = pairAffinity(network.forward(images), { radius, pairs })
      const codes = pairLabels(labels, gridOf(images, stride), { radius, pairs })
      const data = fromData({ dtype: 'uint8', shape: affinity.shape, data: codes })
      return affinityLosses(affinity, data.to({ device: images.device }))
    },
    groups: options => affinityGroups(network, options),
    walkedMaps(image, seed) {
      const options = { pairs, ...walkOptions(recipe) }
      const affinities = scope(() => autocast(recipe, () => imageAffinities(network, image, options)))
      return walkedMaps(seed, affinities, options)
    },
  }
}

/** IRN's edge network, whose backbone does not learn. */
export function edgeLearner(recipe: Recipe, { numClasses }: { numClasses: number }): AffinityLearner {
  const { backbone: name, radius, pairs, cropSize } = recipe.affinity
  const stride = backboneShape(name, recipe)?.patchSize // of its maps: one a patch
  const network = new EdgeNet(
    name === 'resnet50'
      ? resnet50Backbone()
      : edgeBackboneOf(buildBackbone(name, recipe, { numClasses, frozen: [], stride })),
  )
  return {
    network,
    stride: network.backbone.stride,
    losses(images, labels) {
      const edges = network.forward(images).to({ dtype: 'float32' }).sigmoid()
      const codes = pairLabels(labels, gridOf(images, network.backbone.stride), { radius, pairs })
      return edgeLosses(edges, codes, { radius, pairs })
    },
    groups: ({ weightDecay, headScale }) => edgeGroups(network, { weightDecay, lrScale: headScale }),
    walkedMaps: (image, seed) =>
      scope(() => {
        const edges = autocast(recipe, () => imageEdges(network, image, { side: cropSize }))
        const walked = { edges: edges.to({ device: 'cpu' }), stride: network.backbone.stride }
        return edgeWalkedMaps(seed, walked, walkOptions(recipe))
      }),
  }
}

function gridOf(images: Tensor, stride: number): { rows: number; columns: number } {
  return { rows: images.size(2) / stride, columns: images.size(3) / stride }
}

function walkOptions({ affinity, refine: { walk } }: Recipe) {
  return { ...walk, radius: walk.radius ?? affinity.radius }
}
