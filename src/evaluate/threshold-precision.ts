/** @file The best threshold of tag scores: precision of images whose scores are cut to 0 and 1 (semformer, train_caae.py, evaluate). */
import { perImagePrecision, type TagScores } from './average-precision.ts'

/** Percent, as the other scores of a validation. */
export interface ThresholdPrecision {
  readonly precision: number
  readonly threshold: number
}

/** Mean over the images of the average precision of scores above a threshold, at the best of 0.01, 0.02, ... 0.99; the lowest of equals. */
export function bestThresholdPrecision({ scores, ...tags }: TagScores): ThresholdPrecision {
  let best: ThresholdPrecision = { precision: 0, threshold: 0 }
  for (let step = 1; step < 100; step++) {
    const threshold = step / 100
    const least = Math.fround(threshold) // scores are float32, and compared as such
    const cut = Uint8Array.from(scores, score => (score > least ? 1 : 0))
    const images = perImagePrecision({ scores: cut, ...tags })
    const precision = (100 * images.reduce((sum, one) => sum + one, 0)) / Math.max(1, images.length)
    if (precision > best.precision) best = { precision, threshold }
  }
  return best
}
