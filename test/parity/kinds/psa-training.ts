/** @file Parity of AffinityNet's training with psa/train_aff.py: losses, rates, gradients, weights afterwards (`psa_aff_train`). */
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { toFloat32Array, toFloat64Array } from '../../../src/io/tensor-data.ts'
import { polySgdMomentum, polyStep, sgd } from '../../../src/optim/index.ts'
import {
  type AffinityNet,
  affinityGroups,
  affinityLosses,
  PAIR,
  pairAffinity,
  pairLabels,
} from '../../../src/refine/affinity/index.ts'
import { backward, fromData, ops, scope, type Tensor } from '../../../src/torch/index.ts'
import { TOLERANCE } from '../compare-tensors.ts'
import { type Comparison, compareExact, compareFloat } from '../comparison.ts'
import { toDouble } from '../double.ts'
import {
  type CheckOptions,
  type Fixture,
  type Kind,
  parseConfig,
  readFixture,
  tensorOf,
  tensorsUnder,
} from '../fixture.ts'
import { allowRounding } from '../rounding.ts'
import { compareGradients, compareSteps, sampledParameters } from '../sampled-parameters.ts'
import { withAffinityNet } from './psa-network.ts'
import { weightRule } from './resnet38-rule.ts'

export const psaTraining: Kind = {
  name: 'AffinityNet training',
  matches: ({ source, hasPrefix }) => /psa\/train_aff\.py/.test(source) && hasPrefix('delta.'),
  check,
}

const trainingConfig = weightRule.extend({
  lr: z.number(),
  wt_dec: z.number(),
  steps: z.int(),
  max_step: z.int(),
  dropout: z.literal(0),
  labels_file: z.string(),
  batches: z.array(z.array(z.int())).min(1),
  momentum: z.array(z.number()).length(4),
  weight_decay: z.array(z.number()).length(4),
  groups: z.array(z.int()).length(4),
  no_grad_but_in_group0: z.array(z.string()),
  sample_stride: z.record(z.string(), z.int()),
})
type Config = z.infer<typeof trainingConfig>

/** The original's names of our losses, and the pairs that each counts. */
const LOSSES = {
  bg: ['background loss', PAIR.background],
  fg: ['foreground loss', PAIR.foreground],
  neg: ['difference loss', PAIR.different],
} as const

interface Batch {
  /** [B, 3, S, S] */
  readonly images: Tensor
  /** [B, offsets, h, w] */
  readonly codes: Uint8Array
  readonly grid: { readonly rows: number; readonly columns: number }
}

async function check(fixture: Fixture, options: CheckOptions): Promise<readonly Comparison[]> {
  const config = parseConfig(fixture, trainingConfig)
  const labels = await readFixture(join(dirname(fixture.path), config.labels_file))
  const run = (precision: Run['precision']): Promise<readonly Comparison[]> =>
    withAffinityNet(config, options, network => {
      if (precision === 'float64') toDouble(network)
      return scope(() => {
        const steps = checkSteps(fixture, network, { config, labels, device: options.device, precision })
        return allowRounding(fixture, steps)
      })
    })
  const single = await run('float32')
  return single.every(({ ok }) => ok) ? single : run('float64')
}

interface Run extends CheckOptions {
  /** The network's; the bars are the same. */
  readonly precision: 'float32' | 'float64'
  readonly config: Config
  readonly labels: Fixture
}

function checkSteps(fixture: Fixture, network: AffinityNet, run: Run): Comparison[] {
  const { config } = run
  const { lr, wt_dec: weightDecay, steps, max_step, batches } = config
  const groups = affinityGroups(network, { weightDecay, headScale: 10 })
  const momentum = polySgdMomentum({ momentum: 0.9, weightDecay, momentumBug: true })
  const optimiser = sgd(groups, { momentum })
  const rate = polyStep({ lr, steps: max_step })
  const before = sampledParameters(network, config.sample_stride)
  const found = new Map<string, number[]>()
  const note = (name: string, value: number): void =>
    void found.set(name, [...(found.get(name) ?? []), value])
  const rates: number[] = []
  const comparisons: Comparison[] = []
  for (let step = 0; step < steps; step++) {
    scope(() => {
      const { images, codes, grid } = batchOf(run, batches[step % batches.length]!)
      const affinity = pairAffinity(network.forward(images))
      const shape = [
        images.size(0),
        codes.length / images.size(0) / grid.rows / grid.columns,
        grid.rows,
        grid.columns,
      ]
      const { total, parts } = affinityLosses(
        affinity,
        fromData({ dtype: 'uint8', shape, data: codes }).to(run),
      )
      backward(total)
      note('loss', total.item())
      for (const [name, [part, code]] of Object.entries(LOSSES)) {
        note(`${name}_loss`, parts[part]!.item())
        note(`${name}_cnt`, codes.filter(found => found === code).length + 1e-5)
      }
      if (step === 0) comparisons.push(...compareGradients(fixture, network, config.sample_stride))
      rates.push(...groups.map(({ lrScale = 1 }) => rate(step) * lrScale))
      optimiser.step(rate(step))
      optimiser.zeroGrad()
    })
  }
  const after = sampledParameters(network, config.sample_stride)
  for (const average of optimiser.state().tensors.values()) average.dispose()
  const losses = tensorsUnder(fixture, 'loss.')
  const { no_grad_but_in_group0: frozen } = config
  return [
    ...[...losses].map(([name, want]) =>
      compareFloat(`loss.${name}`, found.get(name) ?? [], toFloat32Array(want), TOLERANCE.output),
    ),
    compareFloat(
      'loss64.loss',
      found.get('loss')!,
      toFloat64Array(tensorOf(fixture, 'loss64.loss')),
      TOLERANCE.output,
    ),
    compareFloat('lr', rates, toFloat64Array(tensorOf(fixture, 'lr')), 1e-12),
    compareExact(
      'config.momentum',
      config.momentum.map(() => momentum),
      config.momentum,
    ),
    compareExact(
      'config.weight_decay',
      groups.map(group => group.weightDecay),
      config.weight_decay,
    ),
    compareExact(
      'config.groups',
      groups.map(({ parameters }, i) => parameters.size + (i === 0 ? frozen.length : 0)),
      config.groups,
    ),
    ...comparisons,
    ...compareSteps(fixture, before, after),
  ]
}

function batchOf({ labels, device, precision }: Run, chosen: readonly number[]): Batch {
  const maps = chosen.map(i => tensorOf(labels, `out.label_map.${i}`))
  const [rows, columns] = maps[0]!.shape as [number, number]
  const all = Uint8Array.from(maps.flatMap(({ data }) => [...data]))
  return {
    images: ops.stack(
      chosen.map(i => fromData(tensorOf(labels, `out.x.${i}`)).to({ device, dtype: precision })),
    ),
    codes: pairLabels(all, { rows, columns }),
    grid: { rows, columns },
  }
}
