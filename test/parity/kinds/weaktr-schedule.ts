/** @file Parity of WeakTr's learning rates and parameter group with timm 0.5.4, and of weights after --finetune. */
import { z } from 'zod'
import type { TensorData } from '../../../src/io/tensor-data.ts'
import { loadClassTokenWeights } from '../../../src/methods/class-token-weights.ts'
import type { Weaktr } from '../../../src/methods/weaktr/model.ts'
import { decayGroups } from '../../../src/optim/index.ts'
import { scope } from '../../../src/torch/index.ts'
import { compareOutputs } from '../compare-tensors.ts'
import { type Comparison, compareExact } from '../comparison.ts'
import { type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { checkRun, timmRun, weightDecayOf } from '../groups.ts'
import { createNetwork, networkConfig } from './weaktr-network.ts'

export const weaktrSchedule: Kind = {
  name: 'WeakTr schedule and pretrained weights',
  matches: ({ config, source, hasPrefix }) =>
    /^WeakTr\b/.test(source) && 'runs' in config && 'model_config' in config && hasPrefix('lr.'),
  check,
}

const scheduleConfig = z.object({
  model_config: networkConfig.pick({
    embed_dim: true,
    depth: true,
    num_heads: true,
    num_classes: true,
    patch_size: true,
    img_size: true,
    reduction: true,
    feat_reduction: true,
  }),
  runs: z.record(z.string(), timmRun),
  finetune: z.object({ source_grid: z.int().positive(), target_grid: z.int().positive() }),
})

function check(fixture: Fixture): Comparison[] {
  const { model_config, runs, finetune } = parseConfig(fixture, scheduleConfig)
  const network = createNetwork({
    ...model_config,
    pool: 'max',
    generation: 'v3',
    mlp_ratio: 4,
    qkv_bias: true,
    layer_norm_eps: 1e-6,
    drop: 0,
    drop_path: 0,
    final_norm_used: false,
  })
  try {
    return [
      ...Object.entries(runs).flatMap(([name, run]) =>
        checkRun(fixture, name, {
          run,
          groups: decayGroups(network, { weightDecay: weightDecayOf(run), decays: 'all' }),
        }),
      ),
      ...checkPretrained(fixture, network, finetune.source_grid),
    ]
  } finally {
    network.dispose()
  }
}

/** DeiT's class token and positions, and the network's after loading them. */
function checkPretrained(fixture: Fixture, network: Weaktr, sourceGrid: number): Comparison[] {
  return scope(() => {
    const weights = new Map<string, TensorData>()
    for (const [name, value] of network.stateDict()) weights.set(name, value.toData())
    for (const name of ['pos_embed', 'cls_token']) weights.set(name, tensorOf(fixture, `in.${name}`))
    loadClassTokenWeights(network, weights, { file: fixture.path })
    const [, positions = 0] = tensorOf(fixture, 'in.pos_embed').shape
    return [
      compareExact('config.finetune.source_grid', [Math.sqrt(positions - 1)], [sourceGrid]),
      ...compareOutputs(
        fixture,
        new Map([...network.stateDict()].map(([name, value]) => [`out.${name}`, value] as const)),
      ),
    ]
  })
}
