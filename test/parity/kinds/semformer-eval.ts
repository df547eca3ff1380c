/** @file Parity of SemFormer's scores with evaluate.py: thresholds with erosion, one CRF iteration, label maps, binary modes. */
import { z } from 'zod'
import {
  addImage,
  bestClass,
  createConfusion,
  erodeLabels,
  type LabelGrid,
  type LabelScore,
  labelCounts,
  meanIou,
} from '../../../src/evaluate/index.ts'
import { toFloat32Array, toFloat64Array } from '../../../src/io/tensor-data.ts'
import { SEMFORMER_LABEL_CRF } from '../../../src/refine/crf-parameters.ts'
import { crfHardLabels } from '../../../src/refine/label-crf.ts'
import { type Comparison, compareFloat } from '../comparison.ts'
import { type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { isSemformer } from './semformer-network.ts'

export const semformerEval: Kind = {
  name: 'SemFormer evaluation',
  matches: content => isSemformer(content, 'evaluate.py'),
  check,
}

const config = z.object({
  n: z.int().positive(),
  num_cls: z.int().positive(),
  eps: z.literal(1e-10),
  crf_iteration: z.literal(1),
})

const TOLERANCE = 1e-12 // both sides count whole pixels and work in float64
const ONE = 0.2 // threshold of the modes that have one

/** What evaluate.py knows of an image: its best class, the score of it, and the truth. */
interface Scored {
  readonly truth: LabelGrid
  readonly best: Float32Array
  readonly label: Uint8Array
  readonly png: LabelGrid
  readonly crf: LabelGrid
}

async function check(fixture: Fixture): Promise<Comparison[]> {
  const { n, num_cls: labels } = parseConfig(fixture, config)
  const images = await Promise.all(Array.from({ length: n }, (_, i) => readImage(fixture, i, labels)))
  const float = (name: string, got: readonly number[]): Comparison =>
    compareFloat(name, got, toFloat64Array(tensorOf(fixture, name)), TOLERANCE)
  const thresholds = Array.from(
    { length: tensorOf(fixture, 'out.thresholds').shape[0]! },
    (_, i) => (10 + i) / 100,
  )
  const points = thresholds.map(threshold =>
    scores(images, { labels, predict: image => erodeLabels(cutAt(image, threshold)) }),
  )
  const all = (of: (point: Scores) => readonly number[]): number[] => points.flatMap(of)
  const best = points.reduce((top, point, i) => (point.miou > points[top]!.miou ? i : top), 0)
  const crf = scores(images, { labels, predict: ({ crf }) => crf })
  const png = scores(images, { labels, predict: ({ png }) => png })
  const eroded = scores(images, { labels, predict: image => erodeLabels(cutAt(image, ONE)) })
  const binary = scores(images, { labels: 2, predict: ({ crf }) => crf, of: grid => twoLabels(grid) })
  const mode = (name: string, of: readonly LabelScore[]): Comparison[] => [
    float(`out.${name}.mIoU`, [mean(of.map(({ iou }) => iou))]),
    float(`out.${name}.fp`, [mean(of.map(({ fp }) => fp)) / 100]),
    float(`out.${name}.fn`, [mean(of.map(({ fn }) => fn)) / 100]),
  ]
  return [
    float('out.thresholds', thresholds),
    float(
      'out.mIoU',
      all(({ miou }) => [miou]),
    ),
    float(
      'out.fp',
      all(({ fp }) => [fp / 100]),
    ),
    float(
      'out.fn',
      all(({ fn }) => [fn / 100]),
    ),
    float(
      'out.t_tp',
      all(({ truthShare }) => [truthShare]),
    ),
    float(
      'out.p_tp',
      all(({ predictedShare }) => [predictedShare]),
    ),
    float(
      'out.miou_foreground',
      all(({ each }) => [mean(each.slice(1).map(({ iou }) => iou)) / 100]),
    ),
    float(
      'out.iou',
      all(({ each }) => each.map(({ iou }) => iou)),
    ),
    float('out.best', [
      thresholds[best]!,
      points[best]!.miou,
      points[best]!.fp / 100,
      points[best]!.fn / 100,
    ]),
    ...mode('crf', crf.each),
    ...mode('png', png.each),
    ...mode('fgs', eroded.each.slice(1)),
    ...mode('fg', binary.each.slice(1)),
    ...mode('bg', binary.each.slice(0, 1)),
    ...mode('object', binary.each),
  ]
}

async function readImage(fixture: Fixture, index: number, labels: number): Promise<Scored> {
  const given = (name: string) => tensorOf(fixture, `in.${index}.${name}`)
  const gt = given('gt')
  const [height, width] = gt.shape as [number, number]
  const grid = (data: Uint8Array): LabelGrid => ({ width, height, data })
  const keys = toFloat64Array(given('keys'))
  const scored = toFloat32Array(given('hr_cam'))
  const area = width * height
  const maps = new Map(
    [...keys.slice(1)].map((key, i) => [key - 1, scored.subarray(i * area, (i + 1) * area)] as const),
  )
  const { best, label } = bestClass({ width, height, maps }, labels, `in.${index}.hr_cam`)
  const image = { truth: grid(gt.data), best, label, png: grid(given('png').data) }
  const crf = await crfHardLabels({
    image: { width, height, data: given('image').data },
    labels: cutAt(image, ONE),
    present: [...keys],
    gtProb: 0.7,
    ...SEMFORMER_LABEL_CRF,
  })
  return { ...image, crf }
}

/** Labels where the background has this score. */
function cutAt(
  { truth, best, label }: Pick<Scored, 'truth' | 'best' | 'label'>,
  threshold: number,
): LabelGrid {
  const least = Math.fround(threshold)
  return { ...truth, data: label.map((value, i) => (best[i]! > least ? value : 0)) }
}

/** 0 and 1 for background and any class; 255 stays. */
function twoLabels(grid: LabelGrid): LabelGrid {
  return { ...grid, data: grid.data.map(value => (value === 255 ? value : Math.min(value, 1))) }
}

interface Scores {
  readonly each: readonly LabelScore[]
  readonly miou: number
  readonly fp: number
  readonly fn: number
  /** Means over the labels of T / TP and P / TP. */
  readonly truthShare: number
  readonly predictedShare: number
}

function scores(
  images: readonly Scored[],
  {
    labels,
    predict,
    of = grid => grid,
  }: { labels: number; predict: (image: Scored) => LabelGrid; of?: (grid: LabelGrid) => LabelGrid },
): Scores {
  const confusion = createConfusion(labels)
  for (const image of images)
    addImage(confusion, {
      prediction: of(predict(image)),
      truth: of(image.truth),
      predictionFile: 'cam',
      truthFile: 'gt',
    })
  const { labels: each, miou, fp, fn } = meanIou(confusion)
  const { truth, predicted, both } = labelCounts(confusion)
  const share = (part: Float64Array): number =>
    mean(Array.from(part, (count, i) => count / (both[i]! + 1e-10)))
  return { each, miou, fp, fn, truthShare: share(truth), predictedShare: share(predicted) }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
