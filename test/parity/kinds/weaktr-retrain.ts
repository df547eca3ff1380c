/** @file Parity of WeakTr's online retraining: the first step with its gradients, then losses, rates and weights of further steps. */
import { z } from 'zod'
import { toFloat64Array } from '../../../src/io/tensor-data.ts'
import {
  clipGradients,
  type GradientClippingOptions,
  gradientClippingLoss,
  pixelCrossEntropy,
} from '../../../src/models/segmentation/index.ts'
import type { Segmenter } from '../../../src/models/segmenter/index.ts'
import { polyFloor, sgd } from '../../../src/optim/index.ts'
import { backward, fromData, noGrad, scope, type Tensor } from '../../../src/torch/index.ts'
import { compareOutputs, compareTensor, keyBias, TOLERANCE } from '../compare-tensors.ts'
import { type Comparison, compareExact, compareFloat, mismatch } from '../comparison.ts'
import {
  type CheckOptions,
  type Fixture,
  type Kind,
  parseConfig,
  tensorOf,
  tensorsUnder,
} from '../fixture.ts'
import { weightsOf } from '../weights.ts'
import { segmenterConfig, withSegmenter } from './segmenter-network.ts'
import {
  compareGroups,
  groupSchema,
  publishedGroups,
  RATE_TOLERANCE,
  ratesOf,
} from './weaktr-retrain-schedule.ts'

export const weaktrRetrain: Kind = {
  name: 'WeakTr online retraining',
  matches: ({ source, has }) =>
    /OnlineRetraining\/segm/.test(source) && has('in.images.0') && has('loss.loss'),
  check,
}

const configSchema = segmenterConfig.extend({
  start_value: z.number(),
  clip_patch: z.int().positive(),
  optimizer: z.literal('sgd nesterov momentum 0.9'),
  base_lr: z.number(),
  enc_lr: z.number(),
  layer_decay: z.number(),
  weight_decay: z.number(),
  min_lr: z.number(),
  poly_power: z.number(),
  iter_max: z.int().positive(),
  ignore: z.literal(255),
  iters_per_epoch: z.int().positive(),
  groups: z.array(groupSchema.extend({ momentum: z.literal(0.9), nesterov: z.literal(true) })),
})
type Config = z.infer<typeof configSchema>

async function check(fixture: Fixture, options: CheckOptions): Promise<Comparison[]> {
  const config = parseConfig(fixture, configSchema)
  const weights = await weightsOf(fixture)
  return withSegmenter(fixture, { config, weights, ...options }, network =>
    checkTraining(network, fixture, { config, ...options }),
  )
}

function checkTraining(
  network: Segmenter,
  fixture: Fixture,
  { config, device }: { config: Config } & CheckOptions,
): Comparison[] {
  const wanted = toFloat64Array(tensorOf(fixture, 'loss.loss'))
  const { base_lr: lr, iter_max: steps, poly_power: power, min_lr: minLr } = config
  const groups = publishedGroups(network.train(), {
    weightDecay: config.weight_decay,
    encoderLr: config.enc_lr,
    layerDecay: config.layer_decay,
  })
  const rate = polyFloor({ lr, steps, power, minLr })
  const optimiser = sgd(groups, { momentum: 0.9, nesterov: true })
  const comparisons: Comparison[] = []
  const means: number[] = []
  const losses = Array.from(wanted, (_, step) =>
    scope(() => {
      const batch = step % config.iters_per_epoch
      const images = fromData(tensorOf(fixture, `in.images.${batch}`)).to({ device })
      const labels = fromData(tensorOf(fixture, `in.labels.${batch}`)).to({ device, dtype: 'int64' })
      const options = { startValue: config.start_value, patchSize: config.clip_patch }
      if (step === 0) comparisons.push(...compareFirst(fixture, network, { images, labels, options }))
      const { total, unclipped } = gradientClippingLoss(network.forward(images), labels, options)
      backward(total)
      if (step === 0) comparisons.push(...compareGradients(fixture, network, config))
      optimiser.step(rate(step))
      optimiser.zeroGrad()
      comparisons.push(...compareParameters(fixture, network, step + 1))
      means.push(unclipped.item())
      return total.item()
    }),
  )
  for (const average of optimiser.state().tensors.values()) average.dispose()
  const lossesAgainst = (name: string, got: readonly number[]): Comparison =>
    compareFloat(name, got, toFloat64Array(tensorOf(fixture, name)), TOLERANCE.output)
  return [
    lossesAgainst('loss.loss', losses),
    lossesAgainst('loss64.loss', losses),
    lossesAgainst('loss.mean_loss', means),
    compareFloat(
      'lr',
      ratesOf(groups, rate, { rows: wanted.length, steps }),
      toFloat64Array(tensorOf(fixture, 'lr')),
      RATE_TOLERANCE,
    ),
    ...compareGroups('config.groups', groups, config.groups),
    ...comparisons,
  ]
}

/** Logits and losses of the first step, pixel by pixel. */
function compareFirst(
  fixture: Fixture,
  network: Segmenter,
  { images, labels, options }: { images: Tensor; labels: Tensor; options: GradientClippingOptions },
): Comparison[] {
  return noGrad(() =>
    scope(() => {
      const { last } = network.logits(images)
      const pixels = pixelCrossEntropy(last, labels)
      return compareOutputs(
        fixture,
        new Map([
          ['train.seg_pred', last],
          ['train.pixel_loss', pixels],
          ['train.clipped_loss', clipGradients(pixels, options)],
        ]),
      )
    }),
  )
}

/** `grad.*` is a selection; parameters without a gradient are all named. */
function compareGradients(fixture: Fixture, network: Segmenter, { unused_parameters }: Config): Comparison[] {
  const parameters = network.parameters()
  const without = [...parameters].flatMap(([name, { grad }]) => (grad === undefined ? [name] : []))
  const strays = [...new Set([...without, ...unused_parameters])].filter(
    name => without.includes(name) !== unused_parameters.includes(name),
  )
  return [
    { ...compareExact('config.unused_parameters', [strays.length], [0]), note: strays.join(', ') },
    ...[...tensorsUnder(fixture, 'grad.')].map(([parameter, want]) => {
      const gradient = parameters.get(parameter)?.grad
      const name = `grad.${parameter}`
      if (gradient === undefined) return mismatch(name, 'has no gradient')
      return compareTensor(name, gradient, want, {
        tolerance: TOLERANCE.gradient,
        ...keyBias(parameter, want),
      })
    }),
  ]
}

/** `step<taken>.*`, where the file has them. */
function compareParameters(fixture: Fixture, network: Segmenter, taken: number): Comparison[] {
  const parameters: ReadonlyMap<string, Tensor> = network.parameters()
  return [...tensorsUnder(fixture, `step${taken}.`)].flatMap(([parameter, want]) => {
    const got = parameters.get(parameter)
    if (got === undefined) return []
    return [compareTensor(`step${taken}.${parameter}`, got, want, keyBias(parameter, want))]
  })
}
