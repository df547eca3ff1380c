/** @file Parity of AffinityNet's features and affinities with psa/network/resnet38_aff.py (`psa_aff_hash`, `psa_aff_sin`). */
import { z } from 'zod'
import { type TensorData, toFloat32Array } from '../../../src/io/tensor-data.ts'
import { type AffinityNet, pairAffinity } from '../../../src/refine/affinity/index.ts'
import { fromData, noGrad, ops, scope, type Tensor } from '../../../src/torch/index.ts'
import { compareOutputs, TOLERANCE } from '../compare-tensors.ts'
import { type Comparison, compareExact, compareFloat, mismatch } from '../comparison.ts'
import {
  type CheckOptions,
  type Fixture,
  type Kind,
  parseConfig,
  tensorOf,
  tensorsUnder,
} from '../fixture.ts'
import { allowRounding } from '../rounding.ts'
import { denseMatrix, pairColumns, withAffinityNet } from './psa-network.ts'
import { normalisedImage } from './psa-seg-transforms.ts'
import { weightRule, weightsByRule } from './resnet38-rule.ts'

export const psaAffinity: Kind = {
  name: 'AffinityNet',
  matches: ({ source, has }) => /resnet38_aff/.test(source) && has('eval.aff_dense'),
  check,
}

const LEVELS = ['conv4', 'conv5', 'conv6'] as const

const affinityConfig = weightRule.extend({
  radius: z.int().min(2),
  mode: z.literal('eval'),
  channel_every: z.record(z.enum(LEVELS), z.int().positive()),
  feature_grid: z.tuple([z.int(), z.int()]),
})
type Config = z.infer<typeof affinityConfig>

function check(fixture: Fixture, options: CheckOptions): Promise<readonly Comparison[]> {
  const config = parseConfig(fixture, affinityConfig)
  return withAffinityNet(config, options, network =>
    scope(() => [
      {
        ...compareFloat(
          'in.x',
          normalisedImage(tensorOf(fixture, 'in.image_rgb')),
          toFloat32Array(tensorOf(fixture, 'in.x')),
          1e-6,
        ),
        note: 'of in.image_rgb',
      },
      ...checkWeights(fixture, network, config),
      ...allowRounding(
        fixture,
        noGrad(() => checkOutputs(fixture, network, config, options)),
      ),
    ]),
  )
}

function checkWeights(fixture: Fixture, network: AffinityNet, rule: Config): Comparison[] {
  const own = network.stateDict()
  return [...tensorsUnder(fixture, 'weights.first8.')].map(([name, want]) => {
    const tensor = `weights.first8.${name}`
    const target = own.get(name)
    if (target === undefined) return mismatch(tensor, 'no such parameter')
    return compareExact(
      tensor,
      weightsByRule(name, { shape: target.shape, rule, first: 8 }),
      toFloat32Array(want),
    )
  })
}

function checkOutputs(
  fixture: Fixture,
  network: AffinityNet,
  { radius, channel_every, feature_grid }: Config,
  { device }: CheckOptions,
): Comparison[] {
  const levels = network.backbone.forward(fromData(tensorOf(fixture, 'in.x')).to({ device }))
  const outputs = new Map<string, Tensor>()
  for (const [i, level] of LEVELS.entries()) {
    const features = levels[i]!
    outputs.set(`eval.${level}.channels`, ops.slice(features, { dim: 1, step: channel_every[level] }))
    outputs.set(`eval.${level}.mean`, features.mean(1))
    outputs.set(`eval.${level}.rms`, features.mul(features).mean([2, 3]).sqrt())
  }
  const affinity = pairAffinity(network.head.forward(levels), { radius })
  const [, , rows, columns] = affinity.shape as [number, number, number, number]
  const planes = affinity.toFloat32Array()
  const compareArray = (name: string, got: ArrayLike<number>, want: TensorData): Comparison =>
    compareFloat(name, got, toFloat32Array(want), TOLERANCE.output)
  return [
    compareExact('config.feature_grid', [rows, columns], feature_grid),
    ...compareOutputs(fixture, outputs),
    compareArray(
      'eval.aff',
      pairColumns(planes, { rows, columns }, { radius }),
      tensorOf(fixture, 'eval.aff'),
    ),
    compareArray(
      'eval.aff_dense',
      denseMatrix(planes, { rows, columns }, { radius }),
      tensorOf(fixture, 'eval.aff_dense'),
    ),
  ]
}
