/** @file Parity of two training steps with seg/train_seg.py: losses, learning rates, gradients, weights afterwards. */
import { z } from 'zod'
import { toFloat32Array, toFloat64Array } from '../../../src/io/tensor-data.ts'
import { type SegmentationNetwork, segmentationLoss } from '../../../src/models/segmentation/index.ts'
import { polySgdMomentum, polyStep, sgd } from '../../../src/optim/index.ts'
import { backward, fromData, scope } from '../../../src/torch/index.ts'
import { TOLERANCE } from '../compare-tensors.ts'
import { type Comparison, compareExact, compareFloat } from '../comparison.ts'
import { type CheckOptions, type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { allowRounding } from '../rounding.ts'
import { compareGradients, compareSteps, sampledParameters } from '../sampled-parameters.ts'
import { networkConfig, withSegmentation } from './seg-network.ts'

export const segTraining: Kind = {
  name: 'ResNet38 segmentation training',
  matches: ({ source, hasPrefix }) => /seg\/train_seg\.py/.test(source) && hasPrefix('delta.'),
  check,
  inputs: ['loss64'],
}

const WEIGHT_DECAY = 1e-5 // train_seg.py's default; the file gives the effective one

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
  const momentum = polySgdMomentum({ momentum: 0.9, weightDecay: WEIGHT_DECAY, momentumBug: true })
  const groups = [
    { parameters: network.backbone.network.parameters(), weightDecay: 0 },
    { parameters: network.head.parameters(), weightDecay: 0, lrScale: 10 },
  ]
  const optimiser = sgd(groups, { momentum })
  const rate = polyStep({ lr: config.lr, steps: config.max_step })
  const before = sampledParameters(network, config.sample_stride)
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
      if (step === 0) comparisons.push(...compareGradients(fixture, network, config.sample_stride))
      rates.push(rate(step), rate(step) * 10)
      optimiser.step(rate(step))
      optimiser.zeroGrad()
    })
  }
  const after = sampledParameters(network, config.sample_stride)
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
    ...compareSteps(fixture, before, after),
  ]
}
