/** @file Parity of scoring with MCTformer's evaluation.py and engine.compute_mAP (`mctformer_evaluation` files). */
import { z } from 'zod'
import { perImagePrecision } from '../../../src/evaluate/average-precision.ts'
import { addImage, createConfusion, type LabelGrid } from '../../../src/evaluate/confusion.ts'
import { greedyCurve } from '../../../src/evaluate/greedy-curve.ts'
import { type MiouResult, meanIou } from '../../../src/evaluate/miou.ts'
import { addMaps, createSweep, sweepConfusions, sweepCurve } from '../../../src/evaluate/threshold-sweep.ts'
import type { SafetensorsFile } from '../../../src/io/safetensors.ts'
import { type TensorData, toFloat32Array, toFloat64Array } from '../../../src/io/tensor-data.ts'
import { type Comparison, compareFloat } from '../comparison.ts'

const TOLERANCE = 1e-12 // both sides count whole pixels and work in float64

const configSchema = z.object({
  num_classes: z.number().int(),
  ignore: z.literal(255),
  start: z.number().int(),
  end: z.number().int(),
  threshold: z.literal('i/100'),
  iou_eps: z.literal(1e-10),
  late_start: z.number().int(),
  images: z.number().int(),
})

/** Runs our scoring on the inputs of the file; one comparison for each of its outputs. */
export function checkEvaluation(fixture: SafetensorsFile): Comparison[] {
  const config = configSchema.parse(JSON.parse(fixture.metadata.config ?? '{}'))
  const images = Array.from({ length: config.images }, (_, i) => i)
  const tensor = (name: string): TensorData => {
    const found = fixture.tensors.get(name)
    if (found === undefined) throw new Error(`the fixture has no tensor ${name}`)
    return found
  }

  const confusion = createConfusion(config.num_classes)
  const thresholds = Array.from({ length: config.end }, (_, i) => i / 100)
  const sweep = createSweep(config.num_classes, { thresholds })
  for (const i of images) {
    const truth = labelGrid(tensor(`in.gt.${i}`))
    const files = { truthFile: `in.gt.${i}`, predictionFile: `in.pred.${i}`, mapFile: `in.cam.${i}` }
    addImage(confusion, { prediction: labelGrid(tensor(`in.pred.${i}`)), truth, ...files })
    const prefix = `in.cam.${i}.`
    const names = [...fixture.tensors.keys()].filter(name => name.startsWith(prefix))
    const maps = new Map(names.map(name => [Number(name.slice(prefix.length)), toFloat32Array(tensor(name))]))
    addMaps(sweep, { maps: { width: truth.width, height: truth.height, maps }, truth, ...files })
  }
  const masks = meanIou(confusion)
  const seeds = sweepConfusions(sweep)
    .slice(config.start)
    .map(counts => meanIou(counts))
  const curve = sweepCurve(sweep)
  const [greedy, late] = [config.start, config.late_start].map(start => greedyCurve(curve, { start }))

  const [, classes = 0] = tensor('ap.targets').shape
  const perImage = perImagePrecision({
    targets: toFloat32Array(tensor('ap.targets')),
    scores: toFloat32Array(tensor('ap.scores')),
    classes,
  })

  const outputs: Record<string, readonly number[]> = {
    'ap.per_image': perImage,
    'ap.mean': [perImage.reduce((sum, ap) => sum + ap, 0) / perImage.length],
    'png.iou': ious(masks),
    'png.miou_fp_fn': means(masks),
    'npy.iou': seeds.flatMap(ious),
    'npy.miou_fp_fn': seeds.flatMap(means),
    'curve.miou_list': greedy!.visited.map(({ miou }) => miou),
    'curve.best_miou_threshold': [greedy!.best?.miou ?? 0, greedy!.best?.threshold ?? 0],
    'curve_late.miou_list': late!.visited.map(({ miou }) => miou),
    'curve_late.best_miou_threshold': [late!.best?.miou ?? 0, late!.best?.threshold ?? 0],
  }
  const inputs = new Set(['ap.targets', 'ap.scores'])
  return [...fixture.tensors.keys()]
    .filter(name => !name.startsWith('in.') && !inputs.has(name))
    .map(name => {
      const got = outputs[name]
      if (got === undefined) throw new Error(`evaluation fixtures have no output named ${name}`)
      return compareFloat(name, got, toFloat64Array(tensor(name)), TOLERANCE)
    })
}

function labelGrid({ shape, data }: TensorData): LabelGrid {
  const [height = 0, width = 0] = shape
  return { width, height, data }
}

const ious = ({ labels }: MiouResult) => labels.map(({ iou }) => iou)
const means = ({ miou, fp, fn }: MiouResult) => [miou, fp, fn]
