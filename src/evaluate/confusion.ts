/** @file Confusion matrices over label maps. Counters are doubles, exact to 2^53 pixels (the authors' 32-bit
 * counters overflow on COCO). Imports no torch. */
import { InputError } from '../errors.ts'
import { IGNORE } from '../io/label-values.ts'

/** The part of a label map that scoring reads: [height, width] label indices, 255 = ignore. */
export interface LabelGrid {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

/** Pixel counts [labels, labels + 1]: rows are the ground truth, columns the prediction; the last column
 * counts pixels predicted as 255, which belong to no label. Label 0 is the background. */
export interface Confusion {
  readonly labels: number
  readonly counts: Float64Array
}

/** Per label: pixels of the ground truth (T), of the prediction (P), and of both (TP). */
export interface LabelCounts {
  readonly truth: Float64Array
  readonly predicted: Float64Array
  readonly both: Float64Array
}

/** Most labels of an 8-bit mask, background included; 255 is the ignore label. */
export const MAX_LABELS = IGNORE

/** An empty matrix for `labels` labels, background included. Throws InputError for more than MAX_LABELS. */
export function createConfusion(labels: number): Confusion {
  assertLabelCount(labels)
  return { labels, counts: new Float64Array(labels * (labels + 1)) }
}

/** Adds one image's pixels to the matrix; ground truth of 255 is skipped.
 * Throws InputError when the two differ in size or hold a value that is neither a label nor 255. */
export function addImage(
  confusion: Confusion,
  {
    prediction,
    truth,
    predictionFile,
    truthFile,
  }: {
    prediction: LabelGrid
    truth: LabelGrid
    predictionFile: string
    truthFile: string
  },
): void {
  const { labels, counts } = confusion
  assertSameSize(prediction, truth, truthFile, 'prediction')
  assertLabels(truth.data, labels, truthFile)
  assertLabels(prediction.data, labels, predictionFile)
  const columns = labels + 1
  const want = truth.data
  const got = prediction.data
  for (let i = 0; i < want.length; i++) {
    const row = want[i]!
    if (row === IGNORE) continue
    const cell = row * columns + Math.min(got[i]!, labels)
    counts[cell] = counts[cell]! + 1
  }
}

/** Adds the counts of `from` to `into`, so that images can be counted in parts. */
export function mergeConfusion(into: Confusion, from: Confusion): void {
  for (let i = 0; i < into.counts.length; i++) into.counts[i] = into.counts[i]! + from.counts[i]!
}

/** Whether no pixel was counted: the ground truth is all 255. */
export function isEmpty({ counts }: Confusion): boolean {
  return counts.every(pixels => pixels === 0)
}

/** Throws InputError where labels would wrap: a pixel has 8 bits, and 255 is no label. */
export function assertLabelCount(labels: number): void {
  if (labels <= MAX_LABELS) return
  throw new InputError('classes', `${labels - 1} classes are more than a mask of 8 bits can name`, {
    expected: `give at most ${MAX_LABELS - 1}`,
  })
}

/** T, P and TP of every label. */
export function labelCounts({ labels, counts }: Confusion): LabelCounts {
  const truth = new Float64Array(labels)
  const predicted = new Float64Array(labels)
  const both = new Float64Array(labels)
  for (let row = 0; row < labels; row++) {
    for (let column = 0; column <= labels; column++) {
      const pixels = counts[row * (labels + 1) + column]!
      truth[row] = truth[row]! + pixels
      if (column < labels) predicted[column] = predicted[column]! + pixels
      if (row === column) both[row] = pixels
    }
  }
  return { truth, predicted, both }
}

/** Throws InputError naming `truthFile` unless the ground truth has the size of what is scored against it. */
export function assertSameSize(
  scored: { readonly width: number; readonly height: number },
  truth: { readonly width: number; readonly height: number },
  truthFile: string,
  what: string,
): void {
  if (scored.width === truth.width && scored.height === truth.height) return
  throw new InputError(
    truthFile,
    `the mask is ${truth.width}x${truth.height} pixels but the ${what} is ${scored.width}x${scored.height}`,
    {
      expected: `give a mask of ${scored.width}x${scored.height}, the size of its image`,
    },
  )
}

/** Throws InputError naming `file` and the first value that is neither 0..labels-1 nor 255. */
export function assertLabels(data: Uint8Array, labels: number, file: string): void {
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!
    if (value < labels || value === IGNORE) continue
    throw new InputError(file, `holds the label ${value}`, {
      expected: `labels are 0 (background) to ${labels - 1}, and ${IGNORE} for pixels to ignore`,
    })
  }
}
