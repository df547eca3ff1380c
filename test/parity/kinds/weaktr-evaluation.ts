/** @file Parity of WeakTr's CAM labels and scores: evaluation.py with and without the CRF of its hard labels. */
import { z } from 'zod'
import { addImage, createConfusion, type LabelGrid } from '../../../src/evaluate/confusion.ts'
import { greedyCurve } from '../../../src/evaluate/greedy-curve.ts'
import { type MiouResult, meanIou } from '../../../src/evaluate/miou.ts'
import { predictLabels } from '../../../src/evaluate/predict-labels.ts'
import {
  addMaps,
  type Cams,
  createSweep,
  sweepConfusions,
  sweepCurve,
} from '../../../src/evaluate/threshold-sweep.ts'
import { type TensorData, toFloat32Array, toFloat64Array } from '../../../src/io/tensor-data.ts'
import { crfHardLabels } from '../../../src/refine/label-crf.ts'
import { type Comparison, compareExact, compareFloat } from '../comparison.ts'
import { type Fixture, type Kind, parseConfig, tensorOf, tensorsUnder } from '../fixture.ts'
import { compareLabels, crfTerms, pairwiseTerms } from './crf.ts'

export const weaktrEvaluation: Kind = {
  name: 'WeakTr evaluation',
  matches: ({ source, has }) => /^WeakTr\b/.test(source) && has('npy.iou') && has('crf.iou'),
  check,
}

const TOLERANCE = 1e-11 // both count whole pixels; ours adds 1e-10 to the unions, theirs does not

const evaluationConfig = z.object({
  num_classes: z.int(),
  ignore: z.literal(255),
  images: z.int(),
  thresholds: z.array(z.number()).min(1),
  crf_threshold: z.number(),
  crf: crfTerms.extend({ t: z.int(), gt_prob: z.number() }),
})
type Config = z.infer<typeof evaluationConfig>

async function check(fixture: Fixture): Promise<Comparison[]> {
  const config = parseConfig(fixture, evaluationConfig)
  const { num_classes: labels, images, thresholds } = config
  const sweep = createSweep(labels, { thresholds })
  const refined = createConfusion(labels)
  const comparisons: Comparison[] = []
  for (let i = 0; i < images; i++) {
    const truth = labelGrid(tensorOf(fixture, `in.gt.${i}`))
    const maps = classMaps(fixture, i, truth)
    const files = { truthFile: `in.gt.${i}`, mapFile: `in.cam.${i}` }
    addMaps(sweep, { maps, truth, ...files })
    comparisons.push(...(await compareImage(fixture, i, { maps, config })))
    const theirs = labelGrid(tensorOf(fixture, `out.pred_crf.${i}`)) // scores are compared on the same labels
    addImage(refined, { prediction: theirs, truth, predictionFile: `out.pred_crf.${i}`, ...files })
  }
  const results = sweepConfusions(sweep).map(counts => meanIou(counts, { absent: 'skip' }))
  const crf = meanIou(refined, { absent: 'skip' })
  const { best } = greedyCurve(sweepCurve(sweep, { absent: 'skip' }))
  const outputs = {
    'npy.iou': results.flatMap(ious),
    'npy.totals': results.flatMap(totals),
    'crf.iou': ious(crf),
    'crf.totals': totals(crf),
    'curve.best_miou_threshold': [best?.miou ?? 0, best?.threshold ?? 0],
  }
  return [
    ...comparisons,
    ...Object.entries(outputs).map(([name, got]) =>
      compareFloat(name, got, toFloat64Array(tensorOf(fixture, name)), TOLERANCE),
    ),
  ]
}

interface Sample {
  readonly maps: Cams
  readonly config: Config
}

/** The labels at the CRF's threshold, and after the CRF. */
async function compareImage(fixture: Fixture, i: number, { maps, config }: Sample): Promise<Comparison[]> {
  const { num_classes: labels, crf_threshold: threshold, crf } = config
  const prediction = predictLabels(maps, { labels, threshold, file: `in.cam.${i}` })
  const { width, height } = prediction
  const refined = await crfHardLabels({
    image: { width, height, data: tensorOf(fixture, `in.image_rgb.${i}`).data },
    labels: prediction,
    present: [0, ...Array.from(maps.maps.keys(), k => k + 1)],
    gtProb: crf.gt_prob,
    iterations: crf.t,
    ...pairwiseTerms(crf),
  })
  return [
    compareExact(`out.pred.${i}`, prediction.data, tensorOf(fixture, `out.pred.${i}`).data),
    compareLabels(`out.pred_crf.${i}`, refined.data, tensorOf(fixture, `out.pred_crf.${i}`).data),
  ]
}

function classMaps(fixture: Fixture, i: number, { width, height }: LabelGrid): Cams {
  const maps = [...tensorsUnder(fixture, `in.cam.${i}.`)].map(
    ([k, map]) => [Number(k), toFloat32Array(map)] as const,
  )
  return { width, height, maps: new Map(maps) }
}

function labelGrid({ shape, data }: TensorData): LabelGrid {
  const [height = 0, width = 0] = shape
  return { width, height, data }
}

/** An absent class has no IoU: -1 in the file. */
const ious = ({ labels }: MiouResult): number[] =>
  labels.map(({ iou, truthPixels, predictedPixels }) => (truthPixels + predictedPixels === 0 ? -1 : iou))
const totals = ({ miou, fp, fn, precision, recall }: MiouResult): number[] => [
  miou,
  fp,
  fn,
  precision,
  recall,
]
