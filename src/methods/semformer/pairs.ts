/** @file Each class of each image as a pair, and what its similarities weigh in the guided losses (SemFormer, section 3.3; core/models/semformer.py, train_semformer.py). Imports nothing. */

/** published-code: means over all pairs of a batch, halved; paper: sums of an image's classes over their number, the mean over images. */
export type Equations = 'published-code' | 'paper'

export interface Pairs {
  /** Image and class of each pair, images ascending. */
  readonly images: readonly number[]
  readonly classes: readonly number[]
  /** Weight of the similarity of each pair's foreground to each class [pairs, K]; that of its background is the negative. */
  readonly weights: Float32Array
  /** What both losses have besides. */
  readonly constant: number
}

/** What the means of published-code are over. */
export interface PairCounts {
  /** Image-class pairs, and pairs of two classes of one image, both ways round. */
  readonly pairs: number
  readonly others: number
  /** By how much a sum over the images counts more than a mean over the processes that share the batch. */
  readonly factor: number
}

export function countPairs(present: readonly (readonly number[])[]): Pick<PairCounts, 'pairs' | 'others'> {
  return {
    pairs: present.reduce((sum, { length }) => sum + length, 0),
    others: present.reduce((sum, { length }) => sum + length * (length - 1), 0),
  }
}

/**
 * Of images with the classes `present`, the background among them. The foreground of a class is pulled to its own semantics
 * (negative weight) and pushed from those of the image's other classes.
 */
export function pairsOf(
  present: readonly (readonly number[])[],
  {
    numClasses,
    equations = 'published-code',
    counts: { pairs, others, factor } = { ...countPairs(present), factor: 1 },
  }: { numClasses: number; equations?: Equations; counts?: PairCounts },
): Pairs {
  const images = present.flatMap((own, image) => own.map(() => image))
  const classes = present.flat()
  const weights = new Float32Array(classes.length * numClasses)
  for (const [pair, image] of images.entries()) {
    const own = present[image]!
    const [pull, push] =
      equations === 'paper'
        ? [1 / own.length / present.length, 1 / (own.length * (own.length - 1)) / present.length]
        : [(0.5 * factor) / pairs, (0.5 * factor) / others]
    for (const other of own) weights[pair * numClasses + other] = other === classes[pair] ? -pull : push
  }
  return { images, classes, weights, constant: equations === 'paper' ? 0 : 1 }
}
