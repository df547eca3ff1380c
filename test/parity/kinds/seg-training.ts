/** @file Parity of two training steps with seg/train_seg.py: losses, learning rates, gradients, what the weights became. */
import { z } from 'zod'
import { toFloat32Array, toFloat64Array } from '../../../src/io/tensor-data.ts'
import { type SegmentationNetwork, segmentationLoss } from '../../../src/models/segmentation/index.ts'
import { polySgdMomentum, polyStep, sgd } from '../../../src/optim/index.ts'
import { backward, fromData, scope } from '../../../src/torch/index.ts'
import { everyNth, TOLERANCE } from '../compare-tensors.ts'
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
import { networkConfig, withSegmentation } from './seg-network.ts'

export const segTraining: Kind = {
  name: 'ResNet38 segmentation training',
  matches: ({ source, hasPrefix }) => /seg\/train_seg\.py/.test(source) && hasPrefix('delta.'),
  check,
  inputs: ['loss64'],
}

const WEIGHT_DECAY = 1e-5 // train_seg.py's default; the file gives what became of it

const trainingConfig = networkConfig.extend({
  batch: z.int(),
  crop_size: z.int(),
  lr: z.number(),
  steps: z.int(),
  max_step: z.int(),
  ignore: z.literal(255),
  dropout: z.literal(0),
  groups: z.array(z.object({ momentum: z.number(), weight_decay: z.literal(0), params: z.int() })).length(2),
  sample_stride: z.record(z.string(), z.int()),
})
type Config = z.infer<typeof trainingConfig>

function check(fixture: Fixture, options: CheckOptions): Promise<readonly Comparison[]> {
  const config = parseConfig(fixture, trainingConfig)
  // eval mode: without dropout, and batch normalisation is frozen either way
  return withSegmentation(fixture, options, network =>
    scope(() => allowRounding(fixture, checkSteps(fixture, network, config, options))),
  )
}

function checkSteps(
  fixture: Fixture,
  network: SegmentationNetwork,
  config: Config,
  { device }: CheckOptions,
): Comparison[] {
  const momentum = polySgdMomentum({ momentum: 0.9, weightDecay: WEIGHT_DECAY, handed: 'published' })
  const groups = [
    { parameters: network.backbone.network.parameters(), weightDecay: 0 },
    { parameters: network.head.parameters(), weightDecay: 0, lrScale: 10 },
  ]
  const optimiser = sgd(groups, { momentum })
  const rate = polyStep({ lr: config.lr, steps: config.max_step })
  const before = sampled(network, config)
  const losses: number[] = []
  const rates: number[] = []
  const comparisons: Comparison[] = []
  for (let step = 0; step < config.steps; step++) {
    scope(() => {
      const images = fromData(tensorOf(fixture, `in.images.${step}`)).to({ device })
      const labels = fromData(tensorOf(fixture, `in.labels.${step}`)).to({ device, dtype: 'int64' })
      const loss = segmentationLoss(network.forward(images), labels)
      backward(loss)
      losses.push(loss.item())
      if (step === 0) comparisons.push(...checkGradients(fixture, network, config))
      rates.push(rate(step), rate(step) * 10)
      optimiser.step(rate(step))
      optimiser.zeroGrad()
    })
  }
  const after = sampled(network, config)
  for (const average of optimiser.state().tensors.values()) average.dispose()
  return [
    compareFloat('loss', losses, toFloat32Array(tensorOf(fixture, 'loss')), TOLERANCE.output),
    compareFloat('loss64', losses, toFloat64Array(tensorOf(fixture, 'loss64')), TOLERANCE.output),
    compareFloat('lr', rates, toFloat64Array(tensorOf(fixture, 'lr')), 1e-12),
    compareExact(
      'config.groups.params',
      groups.map(({ parameters }) => parameters.size),
      config.groups.map(({ params }) => params),
    ),
    compareExact(
      'config.groups.momentum',
      [momentum, momentum],
      config.groups.map(group => group.momentum),
    ),
    ...comparisons,
    ...[...tensorsUnder(fixture, 'delta.')].map(([name, want]) => {
      const [from, to] = [before.get(name), after.get(name)]
      if (from === undefined || to === undefined) return mismatch(`delta.${name}`, 'no such parameter')
      const change = to.map((value, i) => value - from[i]!)
      return compareFloat(`delta.${name}`, change, toFloat32Array(want), TOLERANCE.gradient)
    }),
  ]
}

/** `grad.*` is complete: a parameter that it lacks must have no gradient. */
function checkGradients(fixture: Fixture, network: SegmentationNetwork, config: Config): Comparison[] {
  const wanted = tensorsUnder(fixture, 'grad.')
  const parameters = network.parameters()
  const absent = [...wanted.keys()].filter(name => !parameters.has(name))
  return [
    ...absent.map(name => mismatch(`grad.${name}`, 'no such parameter')),
    ...[...parameters].flatMap(([name, { grad }]): Comparison[] => {
      const want = wanted.get(name)
      if (want === undefined)
        return grad === undefined
          ? []
          : [mismatch(`grad.${name}`, 'has a gradient, and none in the original')]
      if (grad === undefined) return [mismatch(`grad.${name}`, 'has no gradient')]
      const got = everyNth(grad, config.sample_stride[name] ?? 1)
      return [compareFloat(`grad.${name}`, got, toFloat32Array(want), TOLERANCE.gradient)]
    }),
  ]
}

/** Every n-th value of each parameter, n as the file has it. */
function sampled(network: SegmentationNetwork, { sample_stride }: Config): Map<string, Float32Array> {
  const parameters = [...network.parameters()].filter(([name]) => name in sample_stride)
  return new Map(parameters.map(([name, parameter]) => [name, everyNth(parameter, sample_stride[name]!)]))
}
