/** @file IoU per label and its mean, by the rule of the authors' evaluation.py. Numbers are percentages. */
import { type Confusion, labelCounts } from './confusion.ts'

/** Scores of one label, in percent of the union: `fp` predicted but not true, `fn` true but not predicted. */
export interface LabelScore {
  readonly label: number
  readonly iou: number
  readonly fp: number
  readonly fn: number
  readonly truthPixels: number
  readonly predictedPixels: number
}

/** Per-label scores and their means, in percent. Each mean includes the background. */
export interface MiouResult {
  readonly labels: readonly LabelScore[]
  readonly miou: number
  readonly fp: number
  readonly fn: number
  /** Precision, mean over the predicted labels (WeakTr's "Prediction"). */
  readonly precision: number
  /** Recall, mean over the labels of the ground truth. */
  readonly recall: number
}

/** A label in neither ground truth nor prediction: counts as 0 in the mean, as in MCTformer's evaluation.py, or is
 * left out of it, as in WeakTr's. */
export type AbsentRule = 'zero' | 'skip'

const EPS = 1e-10 // evaluation.py: TP / (T + P - TP + 1e-10)

/** IoU, FP and FN of every label and their means (MCTformer/evaluation.py, do_python_eval). */
export function meanIou(confusion: Confusion, { absent = 'zero' }: { absent?: AbsentRule } = {}): MiouResult {
  const { truth, predicted, both } = labelCounts(confusion)
  const labels = Array.from(truth, (truthPixels, label): LabelScore => {
    const predictedPixels = predicted[label]!
    const hit = both[label]!
    const union = truthPixels + predictedPixels - hit + EPS
    return {
      label,
      iou: (100 * hit) / union,
      fp: (100 * (predictedPixels - hit)) / union,
      fn: (100 * (truthPixels - hit)) / union,
      truthPixels,
      predictedPixels,
    }
  })
  const shares = (of: Float64Array): number =>
    mean(Array.from(both, (hit, label) => (100 * hit) / of[label]!).filter(Number.isFinite))
  const counted =
    absent === 'zero'
      ? labels
      : labels.filter(({ truthPixels, predictedPixels }) => truthPixels + predictedPixels > 0)
  return {
    labels,
    miou: mean(counted.map(({ iou }) => iou)),
    fp: mean(counted.map(({ fp }) => fp)),
    fn: mean(counted.map(({ fn }) => fn)),
    precision: shares(predicted),
    recall: shares(truth),
  }
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Mean IoU over the labels in truth or prediction of one image, percent. */
export function imageMiou(confusion: Confusion): number {
  const { truth, predicted, both } = labelCounts(confusion)
  const unions = Array.from(both, (hit, k) => ({ hit, union: truth[k]! + predicted[k]! - hit })).filter(
    ({ union }) => union > 0,
  )
  const sum = unions.reduce((total, { hit, union }) => total + hit / union, 0)
  return unions.length === 0 ? 0 : (100 * sum) / unions.length
}
