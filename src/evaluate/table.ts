/** @file A score as a text table for the terminal and as a plain object for JSON. */
import { type ChosenThreshold, describeScore, type MetricName, type Score, scoreWarnings } from './metric.ts'
import type { SweepPoint } from './threshold-sweep.ts'

/** One row of the per-class table; percentages. `absent`: no pixel in the ground truth nor in the prediction. */
export interface ClassRow {
  readonly name: string
  readonly iou: number
  readonly fp: number
  readonly fn: number
  readonly absent: boolean
}

/** Contents of `score.json`: every number in percent except the thresholds. */
export interface ScoreRecord {
  readonly metric: MetricName
  readonly split: string
  readonly threshold: ChosenThreshold | null
  readonly images: number
  /** Side of the square by which regions were eroded before; only where they were. */
  readonly erosion?: number
  readonly miou: number
  readonly fp: number
  readonly fn: number
  readonly precision: number
  readonly recall: number
  readonly classes: readonly ClassRow[]
  readonly curve?: readonly SweepPoint[]
  readonly warnings: readonly string[]
}

/** The rows of the table, background first. `classes` are the foreground names, in label order. */
export function classRows({ result }: Score, classes: readonly string[]): ClassRow[] {
  return result.labels.map(({ label, iou, fp, fn, truthPixels, predictedPixels }) => ({
    name: label === 0 ? 'background' : (classes[label - 1] ?? `label ${label}`),
    iou,
    fp,
    fn,
    absent: truthPixels + predictedPixels === 0,
  }))
}

/** The score as one JSON-ready object; `curve` is the sweep it was picked from, if any. */
export function scoreRecord(
  score: Score,
  classes: readonly string[],
  { curve }: { curve?: readonly SweepPoint[] } = {},
): ScoreRecord {
  const { metric, split, threshold, images, result, erosion } = score
  return {
    metric,
    split,
    threshold: threshold ?? null,
    images,
    ...(erosion === undefined ? {} : { erosion }),
    miou: result.miou,
    fp: result.fp,
    fn: result.fn,
    precision: result.precision,
    recall: result.recall,
    classes: classRows(score, classes),
    ...(curve === undefined ? {} : { curve }),
    warnings: scoreWarnings(score),
  }
}

/** A class in no mask drags the mean down however good the network is, so the mean of the others is shown too. */
function presentMean({ result: { labels } }: Score): string[] {
  const present = labels.filter(({ truthPixels }) => truthPixels > 0)
  if (present.length === labels.length || present.length === 0) return []
  const miou = present.reduce((sum, { iou }) => sum + iou, 0) / present.length
  return [`${miou.toFixed(2)} over the ${present.length} of ${labels.length} labels that the masks hold`]
}

/** The score as lines for a terminal: what it is, one row a class, the means, the warnings. */
export function formatScore(score: Score, classes: readonly string[]): string {
  const rows = classRows(score, classes)
  const { miou, fp, fn, precision, recall } = score.result
  const width = Math.max(...rows.map(({ name }) => name.length), 'class'.length)
  const line = (name: string, cells: readonly string[], note = '') =>
    `${name.padEnd(width)}  ${cells.map(cell => cell.padStart(6)).join('  ')}${note}`
  const numbers = (...values: readonly number[]) => values.map(value => value.toFixed(2))
  return [
    describeScore(score),
    '',
    line('class', ['IoU', 'FP', 'FN']),
    ...rows.map(row => line(row.name, numbers(row.iou, row.fp, row.fn), row.absent ? '  (no pixel)' : '')),
    '-'.repeat(width + 24),
    line('mean', numbers(miou, fp, fn)),
    ...presentMean(score),
    `precision ${precision.toFixed(2)}, recall ${recall.toFixed(2)}`,
    ...scoreWarnings(score).flatMap(warning => ['', `warning: ${warning}`]),
  ].join('\n')
}
