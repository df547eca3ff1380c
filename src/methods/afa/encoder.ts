/** @file What AFA stands on: four stage maps, and the factors of the attention logits that its affinity is learned from. */
import type { TensorData } from '../../io/tensor-data.ts'
import type { AdaptedWeights } from '../../models/adapted-weights.ts'
import {
  adaptMit,
  type MitOptions,
  type MitOutput,
  MixTransformer,
  type Stages,
} from '../../models/mit/index.ts'
import type { Module } from '../../nn/index.ts'
import type { Tensor } from '../../torch/index.ts'

export interface AfaEncoder {
  readonly network: Module
  /** Of the stage maps. */
  readonly channels: Stages<number>
  /** Attention heads whose logits the affinity head reads, all blocks together. */
  readonly heads: number
  /** images [B, 3, H, W], normalised; `factors` only `withFactors`. */
  forward(images: Tensor, options: { withFactors: boolean }): MitOutput
  /** Pretrained weights under the names and in the shapes of this network; what is not its own stays. Throws InputError. */
  adapt(weights: ReadonlyMap<string, TensorData>, options: { file: string }): AdaptedWeights
}

/** The affinity reads the last two blocks, which must be of the last stage (model_attn_aff.py). */
const READ = 2

/** A mix transformer; AFA's last stage does not reduce the map: `strides` end with 1. */
export function mitEncoder(options: MitOptions): AfaEncoder {
  const network = new MixTransformer({ ...options, strides: [4, 2, 2, 1] })
  const read = Math.min(READ, options.depths[3])
  const factorsOf = Array.from({ length: read }, (_, i) => network.depth - read + i)
  return {
    network,
    channels: options.embedDims,
    heads: read * options.heads[3],
    forward: (images, { withFactors }) => network.forward(images, withFactors ? { factorsOf } : {}),
    adapt: (weights, options) => adaptMit(network, weights, options),
  }
}
