/** @file Parity of AFA's test script and validation: logits at several scales, label maps, scores, and the dense CRF on them. */
import { z } from 'zod'
import { addImage, createConfusion, labelCounts, meanIou } from '../../../src/evaluate/index.ts'
import { type TensorData, toFloat32Array, toFloat64Array } from '../../../src/io/tensor-data.ts'
import { nearPairs } from '../../../src/methods/afa/affinity-labels.ts'
import { batchCams, camLabels } from '../../../src/methods/afa/cams.ts'
import { segmentationLogits } from '../../../src/methods/afa/inference.ts'
import type { Afa } from '../../../src/methods/afa/model.ts'
import { propagateWithBackground, transitions } from '../../../src/methods/afa/propagation.ts'
import { unaryFromLabels, unaryFromScores } from '../../../src/refine/crf-unary.ts'
import { type CrfParameters, denseCrf, mostProbableLabels } from '../../../src/refine/index.ts'
import { fromData, noGrad, ops, scope, type Tensor } from '../../../src/torch/index.ts'
import { compareTensor } from '../compare-tensors.ts'
import { type Comparison, compareFloat } from '../comparison.ts'
import { type CheckOptions, type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { afaConfig, afaWeights, compareLabels, createAfa, isAfa } from './afa-network.ts'
import {
  compareLabels as compareCrfLabels,
  compareProbabilities,
  crfFunction,
  crfFunctionParameters,
} from './crf.ts'

export const afaInference: Kind = {
  name: 'AFA inference and validation',
  matches: content => isAfa(content, 'scripts/test_msc_flip.py'),
  check,
}

const config = afaConfig.extend({
  infer: z.object({
    size: z.tuple([z.int(), z.int()]),
    long: z.int(),
    val: z.array(z.tuple([z.int(), z.int()])),
    radius: z.int(),
  }),
  test_scales: z.array(z.number()),
  bkg_score: z.number(),
  aff_bkg_score: z.number(),
  cam_scales: z.array(z.number()),
  dense_crf: z.object({
    iter_max: z.int(),
    pos_xy_std: z.number(),
    pos_w: z.number(),
    bi_xy_std: z.number(),
    bi_rgb_std: z.number(),
    bi_w: z.number(),
  }),
  crf_inference: crfFunction,
  crf_inference_label: crfFunction.extend({ gt_prob: z.number() }),
})
type Config = z.infer<typeof config>

async function check(fixture: Fixture, { device }: CheckOptions): Promise<Comparison[]> {
  const settings = parseConfig(fixture, config)
  const network = createAfa(settings)
  const given = (name: string): Tensor => fromData(tensorOf(fixture, name)).to({ device })
  try {
    network.loadStateDict(await afaWeights(fixture))
    network.to(device).eval()
    const context = { network, fixture, settings, given }
    return [
      ...scope(() => tested(context)),
      ...scope(() => validated(context)),
      ...(await refined(fixture, settings)),
    ]
  } finally {
    network.dispose()
  }
}

interface Context {
  readonly network: Afa
  readonly fixture: Fixture
  readonly settings: Config
  readonly given: (name: string) => Tensor
}

/** Logits or scores [K, h, w] -> the best at each pixel of [H, W]. */
const best = (maps: Tensor, size: readonly number[]): Tensor =>
  ops.upsampleBilinear2d(maps.unsqueeze(0), size, false).argmax(1).select(0, 0)

function tested({ network, fixture, settings, given }: Context): Comparison[] {
  const image = given('in.image')
  const [height, width] = image.shape.slice(2) as [number, number]
  const ratio = settings.infer.long / Math.max(height, width)
  const size = [Math.trunc(height * ratio), Math.trunc(width * ratio)]
  const scaled = ops.upsampleBilinear2d(image, size, false)
  const { single, multi } = segmentationLogits(network, scaled, { scales: settings.test_scales })
  const close = (name: string, got: Tensor): Comparison => compareTensor(name, got, tensorOf(fixture, name))
  return [
    close('eval.segs', single),
    close('eval.msc_segs', multi),
    compareLabels(fixture, 'eval.pred', best(single.select(0, 0), [height, width])),
    compareLabels(fixture, 'eval.msc_pred', best(multi.select(0, 0), [height, width])),
  ]
}

function validated({ network, fixture, settings, given }: Context): Comparison[] {
  const kinds = { seg: [], cam: [], aff: [] } as Record<'seg' | 'cam' | 'aff', Tensor[]>
  const f1: number[] = []
  const comparisons = settings.infer.val.flatMap((_, i): Comparison[] => {
    const image = given(`in.val${i}.image`)
    const tags = given(`in.val${i}.cls`).toFloat32Array()
    const every = Array.from(tags, (_, index) => index)
    const size = image.shape.slice(2)
    return noGrad(() => {
      const { classLogits, segLogits, affinity } = network.forward(image, { affinity: true })
      f1.push(f1Score(classLogits.gt(0).toFloat32Array(), tags))
      const classes = every.filter(index => tags[index] === 1)
      const look = { scales: settings.cam_scales }
      const [all] = batchCams(network, image, { classes: [every], ...look }).images
      const [own] = batchCams(network, image, { classes: [classes], ...look }).images
      const [rows, columns] = size.map(side => Math.ceil(side / 16)) as [number, number]
      const near = nearPairs({ rows, columns }, { radius: settings.infer.radius })
      const walked = propagateWithBackground(own!.cams, transitions(affinity!, { near }).select(0, 0), {
        background: settings.aff_bkg_score,
        size: [rows, columns],
      })
      const placed = ops.zeros([settings.num_classes, rows, columns])
      for (const [k, label] of [0, ...classes.map(index => index + 1)].entries())
        ops.copy_(placed.select(0, label), walked.select(0, k))
      const seg = best(segLogits.select(0, 0), size)
      const cam = camLabels(own!, { background: settings.bkg_score })
      const aff = best(placed, size)
      for (const [kind, map] of Object.entries({ seg, cam, aff })) kinds[kind as 'seg'].push(map)
      return [
        compareTensor(`eval.val${i}.cam`, all!.cams.unsqueeze(0), tensorOf(fixture, `eval.val${i}.cam`)),
        compareTensor(`eval.val${i}.aff_cam`, placed.unsqueeze(0), tensorOf(fixture, `eval.val${i}.aff_cam`)),
        compareLabels(fixture, `eval.val${i}.pred`, seg),
        compareLabels(fixture, `eval.val${i}.cam_label`, cam),
        compareLabels(fixture, `eval.val${i}.aff_label`, aff),
      ]
    })
  })
  const mean = f1.reduce((sum, value) => sum + value, 0) / f1.length
  const number = (name: string, got: readonly number[]): Comparison =>
    compareFloat(name, got, toFloat64Array(tensorOf(fixture, name)), 1e-12)
  return [
    ...comparisons,
    number('loss.val_cls_score', [mean]),
    ...Object.entries(kinds).map(([kind, maps]) =>
      number(
        `eval.val_${kind}_scores`,
        scores(
          maps,
          maps.map((_, i) => tensorOf(fixture, `in.val${i}.gt`)),
        ),
      ),
    ),
  ]
}

/** sklearn's f1_score of one image. */
function f1Score(predicted: Float32Array, truth: Float32Array): number {
  const count = (wanted: (p: number, t: number) => boolean): number =>
    truth.filter((t, i) => wanted(predicted[i]!, t)).length
  const hits = count((p, t) => p === 1 && t === 1)
  const wrong = count((p, t) => p !== t)
  return hits === 0 ? 0 : (2 * hits) / (2 * hits + wrong)
}

const LABELS = 21

/** pAcc, mAcc, mIoU over the labels of the truth, then the IoU of each label, -1 where it is nowhere (evaluate.scores). */
export function scores(predictions: readonly Tensor[], truths: readonly TensorData[]): number[] {
  const confusion = createConfusion(LABELS)
  for (const [i, prediction] of predictions.entries()) {
    const [height, width] = prediction.shape as [number, number]
    const grid = (data: Uint8Array): { width: number; height: number; data: Uint8Array } => ({
      width,
      height,
      data,
    })
    addImage(confusion, {
      prediction: grid(prediction.to({ dtype: 'uint8' }).toData().data),
      truth: grid(truths[i]!.data),
      predictionFile: 'prediction',
      truthFile: 'truth',
    })
  }
  const { truth, both } = labelCounts(confusion)
  const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0)
  const { labels, recall } = meanIou(confusion)
  const true_ = labels.filter(({ truthPixels }) => truthPixels > 0)
  const iou = labels.map(({ iou, truthPixels, predictedPixels }) =>
    truthPixels + predictedPixels > 0 ? iou / 100 : -1,
  )
  const miou = true_.reduce((total, { iou }) => total + iou / 100, 0) / true_.length
  return [sum(both) / sum(truth), recall / 100, miou, ...iou]
}

async function refined(fixture: Fixture, settings: Config): Promise<Comparison[]> {
  const { shape, data } = tensorOf(fixture, 'in.crf.image')
  const image = { height: shape[0]!, width: shape[1]!, data }
  const probabilities = unaryFromScores(toFloat32Array(tensorOf(fixture, 'in.crf.prob')))
  const labels = tensorOf(fixture, 'in.crf.prob').shape[0]!
  const { dense_crf: test, crf_inference: maps, crf_inference_label: label } = settings
  const published: CrfParameters = {
    iterations: test.iter_max,
    gaussian: { sxy: test.pos_xy_std, compat: test.pos_w },
    bilateral: { sxy: test.bi_xy_std, srgb: test.bi_rgb_std, compat: test.bi_w },
  }
  const hard = unaryFromLabels(tensorOf(fixture, 'in.crf.label').data, { labels, gtProb: label.gt_prob })
  const want = (name: string): Float32Array => toFloat32Array(tensorOf(fixture, name))
  const run = (unary: Parameters<typeof denseCrf>[0]['unary'], crf: CrfParameters): Promise<Float32Array> =>
    denseCrf({ image, unary, ...crf })
  return [
    ...compareProbabilities(
      'out.crf.dense',
      await run(probabilities, published),
      want('out.crf.dense'),
      image,
    ),
    ...compareProbabilities(
      'out.crf.inference',
      await run(probabilities, crfFunctionParameters(maps)),
      want('out.crf.inference'),
      image,
    ),
    compareCrfLabels(
      'out.crf.label',
      mostProbableLabels(await run(hard, crfFunctionParameters(label)), image).data,
      tensorOf(fixture, 'out.crf.label').data,
    ),
  ]
}
