/** @file Parity of pretrained tokens and positions after MCTformer's --finetune block (`config.cases`). */
import { z } from 'zod'
import type { TensorData } from '../../../src/io/tensor-data.ts'
import { loadClassTokenWeights } from '../../../src/methods/class-token-weights.ts'
import { scope } from '../../../src/torch/index.ts'
import { compareOutputs } from '../compare-tensors.ts'
import type { Comparison } from '../comparison.ts'
import { type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { createNetwork, modelName } from './mctformer-network.ts'

export const mctformerPosembed: Kind = {
  name: 'MCTformer from pretrained weights',
  matches: ({ config, source, hasPrefix }) =>
    'cases' in config && /^MCTformer.*--finetune/.test(source) && hasPrefix('in.') && hasPrefix('out.'),
  check,
}

const posembedConfig = z.object({
  embed_dim: z.int().positive(),
  cases: z.record(
    z.string(),
    z.object({
      model: modelName,
      source_grid: z.int().positive(),
      img_size: z.int().positive(),
      patch_size: z.int().positive(),
      num_classes: z.int().positive(),
    }),
  ),
})

function check(fixture: Fixture): Comparison[] {
  const { embed_dim, cases } = parseConfig(fixture, posembedConfig)
  return Object.entries(cases).flatMap(([name, { source_grid, ...sizes }]) =>
    scope(() => {
      const network = createNetwork({
        ...sizes,
        embed_dim,
        depth: 1, // blocks are copied unchanged
        num_heads: 1,
        mlp_ratio: 4,
        qkv_bias: true,
        layer_norm_eps: 1e-6,
        drop: 0,
        drop_path: 0,
        final_norm_used: false,
        vit_base_img_size: source_grid * sizes.patch_size,
      })
      try {
        const weights = new Map<string, TensorData>()
        for (const [parameter, value] of network.stateDict())
          if (!/^(pos_embed|cls_token)/.test(parameter)) weights.set(parameter, value.toData())
        for (const entry of ['pos_embed', 'cls_token'])
          weights.set(entry, tensorOf(fixture, `in.${name}.${entry}`))
        loadClassTokenWeights(network, weights, { file: fixture.path })
        const outputs = [...network.stateDict()].map(
          ([entry, value]) => [`out.${name}.${entry}`, value] as const,
        )
        return compareOutputs(fixture, new Map(outputs))
      } finally {
        network.dispose()
      }
    }),
  )
}
