/** @file Label maps without the edges of their regions, as SemFormer's evaluation scores them (evaluate.py, post_process). Imports no torch. */
import type { LabelGrid } from './confusion.ts'

/** The best class of each pixel [height, width] and its score. */
export interface BestClass {
  readonly width: number
  readonly height: number
  readonly best: Float32Array
  readonly label: Uint8Array
}

export interface ErosionOptions {
  /** Side of the square around a pixel; odd. */
  readonly size?: number
}

/**
 * Scores that, cut at any threshold, give the label map of that threshold eroded: a pixel keeps its label where all pixels of the
 * square around it, as far as the image reaches, have it too, so while the least score in the square is above the threshold;
 * 0 where the square has several best classes.
 */
export function erodeBest(
  { width, height, best, label }: BestClass,
  { size = 7 }: ErosionOptions = {},
): Float32Array {
  const rows = leastAlong(best, label, { length: width, stride: 1, size })
  return leastAlong(rows, label, { length: height, stride: width, size })
}

/** A label map without the edges of its regions, which become background. */
export function erodeLabels({ width, height, data }: LabelGrid, options: ErosionOptions = {}): LabelGrid {
  const best = new Float32Array(data.length).fill(1)
  const kept = erodeBest({ width, height, best, label: data }, options)
  return { width, height, data: data.map((label, at) => (kept[at] === 0 ? 0 : label)) }
}

/** The least value of the window around a pixel, along lines of `length` pixels `stride` apart; 0 where labels differ in it. */
function leastAlong(
  values: Float32Array,
  label: Uint8Array,
  { length, stride, size }: { length: number; stride: number; size: number },
): Float32Array {
  const reach = (size - 1) / 2
  return values.map((value, at) => {
    const position = Math.floor(at / stride) % length
    const [before, after] = [Math.min(reach, position), Math.min(reach, length - 1 - position)]
    let least = value
    for (let step = -before; step <= after; step++) {
      const other = at + step * stride
      if (label[other] !== label[at]) return 0
      least = Math.min(least, values[other]!)
    }
    return least
  })
}
