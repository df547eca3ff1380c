/** @file Average precision of tag predictions, equal to scikit-learn's. Two means that must never share a name:
 * over images (what the authors log as "mAP") and over classes (what "mAP" means elsewhere). */

/** Names of the two means; every table and log line uses them in full. */
export type MapName = 'mAP per image' | 'mAP class-wise'

/** Tag scores [count, classes] and 0/1 targets of the same shape, row-major. */
export interface TagScores {
  readonly scores: Float32Array | Float64Array | Uint8Array
  readonly targets: Float32Array | Float64Array | Uint8Array
  readonly classes: number
}

/** Average precision sum_n (R_n - R_n-1) P_n over distinct scores, ties taken together
 * (sklearn.metrics.average_precision_score). Undefined when nothing is positive. */
export function averagePrecision(targets: ArrayLike<number>, scores: ArrayLike<number>): number | undefined {
  const order = Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[b]! - scores[a]!)
  const positives = order.reduce((sum, i) => sum + (targets[i]! > 0 ? 1 : 0), 0)
  if (positives === 0) return undefined
  let hits = 0
  let recall = 0
  let sum = 0
  order.forEach((i, rank) => {
    if (targets[i]! > 0) hits++
    const next = order[rank + 1]
    if (next !== undefined && scores[next] === scores[i]) return // within a tie
    sum += (hits / positives - recall) * (hits / (rank + 1))
    recall = hits / positives
  })
  return sum
}

/** Average precision of each image over its classes, images without a tag left out
 * (MCTformer engine.py, compute_mAP), as fractions in image order. */
export function perImagePrecision({ scores, targets, classes }: TagScores): number[] {
  return Array.from({ length: scores.length / classes }, (_, row) =>
    averagePrecision(
      targets.subarray(row * classes, (row + 1) * classes),
      scores.subarray(row * classes, (row + 1) * classes),
    ),
  ).filter(ap => ap !== undefined)
}

/** Average precision of each class over the images, as fractions; undefined for a class no image has. */
export function classWisePrecision({ scores, targets, classes }: TagScores): (number | undefined)[] {
  const count = scores.length / classes
  const column = (values: ArrayLike<number>, k: number) =>
    Array.from({ length: count }, (_, row) => values[row * classes + k]!)
  return Array.from({ length: classes }, (_, k) => averagePrecision(column(targets, k), column(scores, k)))
}

/** Both means, as fractions; 0 when no image has a tag. Classes no image has are left out of the second. */
export function meanAveragePrecision(tags: TagScores): Record<MapName, number> {
  return {
    'mAP per image': mean(perImagePrecision(tags)),
    'mAP class-wise': mean(classWisePrecision(tags).filter(ap => ap !== undefined)),
  }
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}
