/** @file What AFA stands on: four stage maps, and the factors of the attention logits that its affinity is learned from. */
import type { TensorData } from '../../io/tensor-data.ts'
import type { AdaptedWeights } from '../../models/adapted-weights.ts'
import {
  adaptMit,
  asMap,
  type MitOptions,
  type MitOutput,
  MixTransformer,
  type Stages,
} from '../../models/mit/index.ts'
import {
  adaptVisionTransformer,
  type LogitFactors,
  VisionTransformer,
  type VisionTransformerOptions,
} from '../../models/vit/index.ts'
import type { Module } from '../../nn/index.ts'
import { scope, type Tensor } from '../../torch/index.ts'
import { mitStrides } from './recipe.ts'

export interface AfaEncoder {
  readonly network: Module
  /** Of the stage maps. */
  readonly channels: Stages<number>
  /** Pixels from one place of the last map to the next. */
  readonly stride: number
  /** Attention heads whose logits the affinity head reads, all blocks together. */
  readonly heads: number
  /** images [B, 3, H, W], normalised; `factors` only `withFactors`. */
  forward(images: Tensor, options: { withFactors: boolean }): MitOutput
  /** Pretrained weights under the names and in the shapes of this network; what is not its own stays. Throws InputError. */
  adapt(weights: ReadonlyMap<string, TensorData>, options: { file: string }): AdaptedWeights
}

/** The affinity reads the last two blocks, which must be of the last stage (model_attn_aff.py). */
const READ = 2

/** A mix transformer; AFA's last stage does not reduce the map, whatever its stride. */
export function mitEncoder(options: MitOptions): AfaEncoder {
  const [first, second, third] = options.strides
  const network = new MixTransformer({ ...options, strides: [first, second, third, 1] })
  const read = Math.min(READ, options.depths[3])
  const factorsOf = Array.from({ length: read }, (_, i) => network.depth - read + i)
  return {
    network,
    channels: options.embedDims,
    stride: mitStrides(options)[3],
    heads: read * options.heads[3],
    forward: (images, { withFactors }) => network.forward(images, withFactors ? { factorsOf } : {}),
    adapt: (weights, options) => adaptMit(network, weights, options),
  }
}

/**
 * Factors of the logits as the softmax sees them, scaled and without the mean over the keys, which it cannot see. Those of a
 * pretrained DeiT-Ti are -30 on average and 20 apart: a sigmoid of their sum over heads is 0 or 1 and learns nothing.
 */
function centred({ queries, keys, heads }: LogitFactors, patches: (tokens: Tensor) => Tensor): LogitFactors {
  const own = patches(keys)
  return {
    queries: patches(queries).mul((queries.size(2) / heads) ** -0.5),
    keys: own.sub(own.mean([1], { keepdim: true })),
    heads,
  }
}

/**
 * A vision transformer read after each quarter of its blocks; all maps are of its patches, so the head's logits are too. The
 * affinity reads the last two blocks, as of a mix transformer, but their logits centred.
 */
export function vitAfaEncoder(options: VisionTransformerOptions): AfaEncoder {
  const network = new VisionTransformer(options)
  const { depth, heads, embedDim } = options
  const layers = [1, 2, 3, 4].map(quarter => Math.ceil((quarter * depth) / 4))
  const distinct = [...new Set(layers)]
  const first = Math.max(0, depth - READ)
  return {
    network,
    channels: [embedDim, embedDim, embedDim, embedDim],
    stride: options.patchSize,
    heads: heads * (depth - first),
    forward(images, { withFactors }) {
      return scope(() => {
        const { rows, columns } = network.grid(images)
        const patches = (tokens: Tensor): Tensor => tokens.narrow(1, network.clsToken.size(1), rows * columns)
        const factors: LogitFactors[] = []
        const tokens = network.tokens(images, distinct, {
          records: layer => (withFactors && layer >= first ? 'factors' : undefined),
          recorded: ({ factors: made }) => void factors.push(centred(made!, patches)),
        })
        const maps = layers.map(layer => asMap(patches(tokens[distinct.indexOf(layer)]!), { rows, columns }))
        return { maps: maps as unknown as Stages<Tensor>, factors }
      })
    },
    adapt: (weights, options) => adaptVisionTransformer(network, weights, options),
  }
}
