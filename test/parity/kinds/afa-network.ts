/** @file AFA's networks at the sizes of a golden file. */
import { z } from 'zod'
import { type TensorData, toFloat64Array } from '../../../src/io/tensor-data.ts'
import { mitEncoder } from '../../../src/methods/afa/encoder.ts'
import { Afa } from '../../../src/methods/afa/model.ts'
import { attentionLogits, type MitOptions } from '../../../src/models/mit/index.ts'
import type { LogitFactors } from '../../../src/models/vit/index.ts'
import { ops, type Tensor } from '../../../src/torch/index.ts'
import { type Comparison, compareExact } from '../comparison.ts'
import { type Content, type Fixture, tensorOf } from '../fixture.ts'
import { weightsOf } from '../weights.ts'

const stages = z.tuple([z.int(), z.int(), z.int(), z.int()])

export const afaConfig = z.object({
  embed_dims: stages,
  num_heads: stages,
  mlp_ratios: stages,
  depths: stages,
  sr_ratios: stages,
  stride: z.tuple([z.literal(4), z.literal(2), z.literal(2), z.literal(1)]),
  qkv_bias: z.literal(true),
  num_classes: z.int().positive(),
  embedding_dim: z.int().positive(),
  drop_path_rate: z.literal(0),
  eps: z.object({
    patch_embed_norm: z.literal(1e-5),
    attn_sr_norm: z.literal(1e-5),
    block_and_stage_norm: z.literal(1e-6),
    decoder_bn: z.literal(1e-5),
  }),
})

export type AfaConfig = z.infer<typeof afaConfig>

/** Whether a file is of AFA, with these words in its source. */
export const isAfa = ({ source }: Content, part: string): boolean =>
  source.startsWith('rulixiang/afa') && source.includes(part)

export function mitOptions(config: AfaConfig): MitOptions {
  return {
    embedDims: config.embed_dims,
    depths: config.depths,
    heads: config.num_heads,
    mlpRatios: config.mlp_ratios,
    srRatios: config.sr_ratios,
    strides: config.stride,
    dropPath: config.drop_path_rate,
  }
}

/** The weights; the files hold the scalar count of batches as a list of one. */
export async function afaWeights(fixture: Fixture): Promise<Map<string, TensorData>> {
  const weights = await weightsOf(fixture)
  for (const [name, data] of weights)
    if (name.endsWith('.num_batches_tracked')) weights.set(name, { ...data, shape: [] })
  return weights
}

/** `num_classes` of the files holds the background; dropout is off in them. */
export function createAfa(config: AfaConfig, { pooling = 'max' }: { pooling?: 'max' | 'mean' } = {}): Afa {
  return new Afa({
    encoder: mitEncoder(mitOptions(config)),
    numClasses: config.num_classes - 1,
    embedDim: config.embedding_dim,
    pooling,
    dropout: 0,
  })
}

/** The original's list: raw logits, queries averaged over windows as large as the map's reduction. [B, heads, n, n] */
export function pooledLogits(
  factors: readonly LogitFactors[],
  { stage1: map }: { stage1: Tensor },
  config: AfaConfig,
): Tensor[] {
  const ratios = config.depths.flatMap((depth, stage) => Array(depth).fill(stage) as number[])
  return factors.map((factor, block) => {
    const stage = ratios[block]!
    const logits = attentionLogits(factor)
    const ratio = config.sr_ratios[stage]!
    if (ratio === 1) return logits
    const reduce = stage === 0 ? 1 : 2 ** stage
    const [rows, columns] = [2, 3].map(dim => Math.ceil(map.size(dim) / reduce)) as [number, number]
    const [batch, heads, , keys] = logits.shape as [number, number, number, number]
    const grid = logits.permute(0, 1, 3, 2).reshape(batch * heads, keys, rows, columns)
    return ops
      .avgPool2d(grid, [ratio, ratio], { stride: [ratio, ratio] })
      .reshape(batch, heads, keys, -1)
      .transpose(2, 3)
  })
}

/** Label maps and counts: every element must be the same. */
export function compareLabels(fixture: Fixture, name: string, got: Tensor): Comparison {
  return compareExact(name, toFloat64Array(got.toData()), toFloat64Array(tensorOf(fixture, name)))
}
