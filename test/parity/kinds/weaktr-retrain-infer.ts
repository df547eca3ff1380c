/** @file Parity of WeakTr's Segmenter in eval mode: tokens, logits, both mask outputs, inference with windows, the block ensemble. */
import { z } from 'zod'
import { IMAGENET, type Normalisation } from '../../../src/data/transforms/normalise.ts'
import { roundedNormalisation } from '../../../src/data/transforms/retrain.ts'
import { toFloat32Array, toFloat64Array } from '../../../src/io/tensor-data.ts'
import {
  enlargedSize,
  mixBlocks,
  type Segmenter,
  windowAnchors,
  windowScores,
} from '../../../src/models/segmenter/index.ts'
import { fromData, noGrad, ops, scope, type Tensor, tensor } from '../../../src/torch/index.ts'
import { compareOutputs } from '../compare-tensors.ts'
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

export const weaktrRetrainInfer: Kind = {
  name: 'WeakTr online retraining, inference',
  matches: ({ source, has }) => /OnlineRetraining\/segm/.test(source) && has('eval.window.prob'),
  check,
}

const colour = z.tuple([z.number(), z.number(), z.number()])
const pair = z.tuple([z.int(), z.int()])

const configSchema = segmenterConfig.extend({
  weights_file: z.string(),
  window_size: z.int().positive(),
  window_stride: z.int().positive(),
  weight: z.number(),
  normalisation: z.record(z.string(), z.object({ mean: colour, std: colour })),
  /** Every second one is the flip of the one before, and is not stored. */
  window_images: z.array(z.object({ shape: pair, flip: z.boolean() })),
  ori_shape: pair,
  /** For each stored image: (top, left) of its windows, and its enlarged size. */
  anchors: z.array(z.array(pair)),
  resized: z.array(pair),
})
type Config = z.infer<typeof configSchema>

/** The constants of segm/data/utils.py, for values in 0..1. */
const STATS: Readonly<Record<string, Normalisation>> = {
  vit: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  deit: IMAGENET,
  eva02: { mean: [0.48145466, 0.4578275, 0.40821073], std: [0.26862954, 0.26130258, 0.27577711] },
}

async function check(fixture: Fixture, options: CheckOptions): Promise<Comparison[]> {
  const config = parseConfig(fixture, configSchema)
  const weights = await weightsOf(fixture, config.weights_file)
  return withSegmenter(fixture, { config, weights, ...options }, network => {
    network.eval()
    return noGrad(() => [
      ...checkForward(network, fixture, options),
      ...scope(() => checkWindows(network, fixture, { config, ...options })),
      ...checkGeometry(config),
      ...checkNormalisation(config),
    ])
  })
}

function checkForward(network: Segmenter, fixture: Fixture, options: CheckOptions): Comparison[] {
  const inputs = [...tensorsUnder(fixture, 'in.')].filter(([tag]) => !tag.startsWith('window.'))
  return inputs.flatMap(([tag, data]) =>
    scope(() => {
      const images = fromData(data).to(options)
      const { last, early } = network.logits(images, { withEarly: true })
      const outputs = { seg_pred: last, multi1: early!, encoder: network.encoder.encode(images) }
      const named = Object.entries(outputs).map(([name, value]) => [`eval.${tag}.${name}`, value] as const)
      return compareOutputs(fixture, new Map(named))
    }),
  )
}

function checkWindows(
  network: Segmenter,
  fixture: Fixture,
  { config, device }: { config: Config } & CheckOptions,
): Comparison[] {
  const { window_images: images, ori_shape, window_size: window, window_stride: stride, weight } = config
  const paired = images.every(({ shape, flip }, i) =>
    i % 2 === 0 ? !flip : flip && shape.join() === images[i - 1]!.shape.join(),
  )
  if (!paired) return [mismatch('config.window_images', 'are not images, each with its flip')]
  const views = images.flatMap((_, i) =>
    i % 2 === 0 ? [fromData(tensorOf(fixture, `in.window.${i}`)).to({ device })] : [],
  )
  const [height, width] = ori_shape
  const size = { width, height }
  const native = views.filter(view => view.shape.slice(-2).join() === ori_shape.join())
  const both = windowScores(network, views, size, { window, stride, withEarly: true })
  const scores = { last: both.last.select(0, 0), early: both.early!.select(0, 0) }
  const single = windowScores(network, native, size, { window, stride, flip: false }).last.select(0, 0)
  const mixed = mixBlocks(scores, { weight })
  const best = labelsOf(mixed)
  const keys = [...new Set(best)].sort((a, b) => a - b)
  const kept = ops.indexSelect(mixed, 0, tensor(keys).to({ dtype: 'int64', device }))
  return [
    ...compareOutputs(
      fixture,
      new Map([
        ['eval.window.prob', scores.last],
        ['eval.window.multi1', scores.early],
        ['eval.window.single', single],
        ['eval.multi.prob', kept],
      ]),
    ),
    compareExact('eval.window.pred', labelsOf(scores.last), tensorOf(fixture, 'eval.window.pred').data),
    compareExact('eval.multi.pred', best, tensorOf(fixture, 'eval.multi.pred').data),
    compareExact('eval.multi.keys', keys, toFloat64Array(tensorOf(fixture, 'eval.multi.keys'))),
  ]
}

function labelsOf(scores: Tensor): Float32Array {
  return scope(() => toFloat32Array(ops.argmax(scores, { dim: 0 }).toData()))
}

function checkGeometry({
  window_images,
  resized,
  anchors,
  window_size: window,
  window_stride: stride,
}: Config): Comparison[] {
  const sizes = window_images.flatMap(({ shape: [height, width] }, i) =>
    i % 2 === 0 ? [enlargedSize({ height, width }, window)] : [],
  )
  const windows = sizes.map(({ height, width }) =>
    windowAnchors(height, { window, stride }).flatMap(top =>
      windowAnchors(width, { window, stride }).map(left => [top, left]),
    ),
  )
  return [
    compareExact(
      'config.resized',
      sizes.flatMap(({ height, width }) => [height, width]),
      resized.flat(),
    ),
    ...windows.map((found, i) => compareExact(`config.anchors.${i}`, found.flat(), anchors[i]?.flat() ?? [])),
  ]
}

function checkNormalisation({ normalisation }: Config): Comparison[] {
  return Object.entries(normalisation).map(([name, { mean, std }]) => {
    const stats = STATS[name]
    if (stats === undefined)
      return mismatch(`config.normalisation.${name}`, 'constants this kind does not know')
    const ours = roundedNormalisation(stats)
    const got = [...ours.mean, ...ours.std].map(value => value * 255)
    return compareFloat(`config.normalisation.${name}`, got, [...mean, ...std], 1e-12)
  })
}
