/** @file Parity of CTI's evaluation.py: scores at every threshold, and its sweep that stops early. */
import { z } from 'zod'
import { labelCounts } from '../../../src/evaluate/confusion.ts'
import { greedyCurve } from '../../../src/evaluate/greedy-curve.ts'
import { meanIou } from '../../../src/evaluate/miou.ts'
import { addMaps, createSweep, sweepConfusions, sweepCurve } from '../../../src/evaluate/threshold-sweep.ts'
import { toFloat32Array, toFloat64Array } from '../../../src/io/tensor-data.ts'
import { type Comparison, compareFloat } from '../comparison.ts'
import { type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { isCti } from './cti-network.ts'

export const ctiEvaluation: Kind = {
  name: 'CTI evaluation',
  matches: content => isCti(content, 'do_python_eval'),
  check,
}

const TOLERANCE = 1e-12 // both count whole pixels
const EPS = 1e-10
const SCRIPT = [42, 70] as const // hundredths, of eval_in_script

const config = z.object({
  num_cls: z.int(),
  thresholds: z.array(z.number()).min(1),
  eps: z.literal(EPS),
})

function check(fixture: Fixture): Comparison[] {
  const { num_cls: labels, thresholds } = parseConfig(fixture, config)
  const hundredths = Array.from({ length: SCRIPT[1] }, (_, i) => i / 100)
  const sweep = createSweep(labels, { thresholds: hundredths })
  for (let i = 0; fixture.tensors.has(`in.${i}.cam`); i++) addImage(fixture, i, sweep)
  const all = sweepConfusions(sweep).map(confusion => {
    const { truth, predicted, both } = labelCounts(confusion)
    const share = (of: Float64Array): number =>
      both.reduce((sum, hit, label) => sum + hit / (of[label]! + EPS), 0) / labels
    return { ...meanIou(confusion), share: { precision: share(predicted), recall: share(truth) } }
  })
  const at = thresholds.map(threshold => all[hundredths.indexOf(threshold)]!)
  const { best } = greedyCurve(sweepCurve(sweep), { start: SCRIPT[0] })
  const found = all[hundredths.indexOf(best!.threshold)]!
  const outputs: Record<string, readonly number[]> = {
    'out.mIoU': at.map(({ miou }) => miou),
    'out.mP': at.map(({ share }) => share.precision),
    'out.mR': at.map(({ share }) => share.recall),
    'out.iou': at.flatMap(({ labels: each }) => each.map(({ iou }) => iou)),
    'out.script': [best!.miou, best!.threshold, found.share.precision, found.share.recall],
  }
  return Object.entries(outputs).map(([name, got]) =>
    compareFloat(name, got, toFloat64Array(tensorOf(fixture, name)), TOLERANCE),
  )
}

function addImage(fixture: Fixture, i: number, sweep: ReturnType<typeof createSweep>): void {
  const [truth, cam] = [tensorOf(fixture, `in.${i}.gt`), tensorOf(fixture, `in.${i}.cam`)]
  const [height, width] = truth.shape as [number, number]
  const values = toFloat32Array(cam)
  const keys = [...toFloat64Array(tensorOf(fixture, `in.${i}.keys`))]
  const maps = new Map(
    keys.map((key, k) => [key, values.subarray(k * height * width, (k + 1) * height * width)]),
  )
  addMaps(sweep, {
    maps: { width, height, maps },
    truth: { width, height, data: truth.data },
    mapFile: `in.${i}.cam`,
    truthFile: `in.${i}.gt`,
  })
}
