/** @file Every background threshold in one pass. Per pixel only the ground truth, the best class and its score
 * matter, so a histogram over the score yields each threshold's confusion matrix by a cumulative sum. */
import { InputError } from '../errors.ts'
import { IGNORE } from '../io/label-values.ts'
import {
  assertLabelCount,
  assertLabels,
  assertSameSize,
  type Confusion,
  createConfusion,
  type LabelGrid,
} from './confusion.ts'
import { erodeBest } from './erosion.ts'
import { type AbsentRule, meanIou } from './miou.ts'

/** CAMs of one image, each [height, width] scores; keys are 0-based foreground classes (class k is
 * label k + 1). Classes without a map score 0 everywhere. */
export interface Cams {
  readonly width: number
  readonly height: number
  readonly maps: ReadonlyMap<number, Float32Array>
}

/** One point of the curve; mIoU, FP and FN in percent. */
export interface SweepPoint {
  readonly threshold: number
  readonly miou: number
  readonly fp: number
  readonly fn: number
}

/** Histogram [true label, best label, thresholds below the score]; `thresholds` ascend. */
export interface ThresholdSweep {
  readonly labels: number
  readonly thresholds: readonly number[]
  readonly histogram: Float64Array
}

/** 0.00, 0.01, ..., 1.00: the whole range, because the best value moves from 0.2 to 0.6 between methods. */
export const DEFAULT_THRESHOLDS: readonly number[] = Array.from({ length: 101 }, (_, i) => i / 100)

const BUCKETS = 1024 // a power of two, so that score * BUCKETS is exact

/** An empty sweep over `labels` labels (background included). Throws InputError for a negative threshold:
 * background must score at least as much as an absent class. */
export function createSweep(
  labels: number,
  { thresholds = DEFAULT_THRESHOLDS }: { thresholds?: readonly number[] } = {},
): ThresholdSweep {
  const wrong = thresholds.find((t, i) => !(t >= 0 && t <= 1) || (i > 0 && t <= thresholds[i - 1]!))
  if (wrong !== undefined || thresholds.length === 0) {
    throw new InputError(
      'thresholds',
      wrong === undefined ? 'the list is empty' : `${wrong} is out of place`,
      {
        expected: 'thresholds are numbers from 0 to 1 in ascending order',
      },
    )
  }
  assertLabelCount(labels)
  return { labels, thresholds, histogram: new Float64Array(labels * labels * (thresholds.length + 1)) }
}

/** Adds one image. Background is predicted where float32(threshold) >= the best score; equal classes go to
 * the lowest. `erosion`: side of the square by which the label map of each threshold is eroded. Throws InputError for another size, an unknown label, or a map holding NaN. */
export function addMaps(
  sweep: ThresholdSweep,
  {
    maps,
    truth,
    mapFile,
    truthFile,
    erosion,
  }: { maps: Cams; truth: LabelGrid; mapFile: string; truthFile: string; erosion?: number | undefined },
): void {
  const { labels, thresholds, histogram } = sweep
  assertSameSize(maps, truth, truthFile, 'CAM')
  assertLabels(truth.data, labels, truthFile)
  const { best: whole, label } = bestClass(maps, labels, mapFile)
  const best = erosion === undefined ? whole : erodeBest({ ...maps, best: whole, label }, { size: erosion })
  const limits = Float32Array.from([...thresholds, Number.POSITIVE_INFINITY])
  const bins = thresholds.length + 1
  const firstBin = binOfBucket(limits)
  const want = truth.data
  for (let i = 0; i < want.length; i++) {
    const row = want[i]!
    if (row === IGNORE) continue
    const score = best[i]!
    let bin = firstBin[Math.min(score * BUCKETS, BUCKETS) | 0]!
    while (limits[bin]! < score) bin++
    const cell = (row * labels + label[i]!) * bins + bin
    histogram[cell] = histogram[cell]! + 1
  }
}

/** Adds the counts of `from` to `into`; both must have the same labels and thresholds. */
export function mergeSweep(into: ThresholdSweep, from: ThresholdSweep): void {
  for (let i = 0; i < into.histogram.length; i++) into.histogram[i] = into.histogram[i]! + from.histogram[i]!
}

/** The confusion matrix of every threshold, in their order. */
export function sweepConfusions({ labels, thresholds, histogram }: ThresholdSweep): Confusion[] {
  const bins = thresholds.length + 1
  const confusions = thresholds.map(() => createConfusion(labels))
  for (let row = 0; row < labels; row++) {
    for (let label = 0; label < labels; label++) {
      const start = (row * labels + label) * bins
      let foreground = 0
      for (let bin = 0; bin < bins; bin++) foreground += histogram[start + bin]!
      if (foreground === 0) continue
      let background = 0
      for (let t = 0; t < thresholds.length; t++) {
        background += histogram[start + t]!
        const { counts } = confusions[t]!
        const rowStart = row * (labels + 1)
        counts[rowStart] = counts[rowStart]! + background
        counts[rowStart + label] = counts[rowStart + label]! + foreground - background
      }
    }
  }
  return confusions
}

/** The curve: mIoU, FP and FN at every threshold. */
export function sweepCurve(
  sweep: ThresholdSweep,
  { absent = 'zero' }: { absent?: AbsentRule } = {},
): SweepPoint[] {
  return sweepConfusions(sweep).map((confusion, i) => {
    const { miou, fp, fn } = meanIou(confusion, { absent })
    return { threshold: sweep.thresholds[i]!, miou, fp, fn }
  })
}

/** The point of the highest mIoU over the whole curve; of equal ones the lowest threshold. */
export function bestPoint(curve: readonly SweepPoint[]): SweepPoint {
  return curve.reduce((best, point) => (point.miou > best.miou ? point : best))
}

/** Highest positive score and its label per pixel; label 0 where no score is above 0. Throws InputError naming
 * `file` for a class out of range, a map of another size, or NaN. */
export function bestClass(
  { width, height, maps }: Cams,
  labels: number,
  file: string,
): { best: Float32Array; label: Uint8Array } {
  assertLabelCount(labels)
  const best = new Float32Array(width * height)
  const label = new Uint8Array(width * height)
  for (const [k, map] of [...maps].sort(([a], [b]) => a - b)) {
    if (!Number.isInteger(k) || k < 0 || k + 1 >= labels) {
      throw new InputError(file, `holds a map of class ${k}`, { expected: `classes are 0 to ${labels - 2}` })
    }
    if (map.length !== best.length) {
      throw new InputError(file, `the map of class ${k} has ${map.length} values`, {
        expected: `${width}x${height} are needed`,
      })
    }
    for (let i = 0; i < map.length; i++) {
      const score = map[i]!
      if (score <= best[i]!) continue
      if (Number.isNaN(score))
        throw new InputError(file, `the map of class ${k} holds NaN`, {
          expected: 'run the stage maps again',
        })
      best[i] = score
      label[i] = k + 1
    }
  }
  return { best, label }
}

/** For each bucket of the score: how many limits lie below its lower end, the least bin its scores can have. */
function binOfBucket(limits: Float32Array): Uint16Array {
  let bin = 0
  return Uint16Array.from({ length: BUCKETS + 1 }, (_, bucket) => {
    while (limits[bin]! < bucket / BUCKETS) bin++
    return bin
  })
}
