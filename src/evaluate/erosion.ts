/** @file Label maps without the edges of their regions, as SemFormer's evaluation scores them (evaluate.py, post_process). Imports no torch. */
import type { LabelGrid } from './confusion.ts'

/**
 * A pixel keeps its label where all pixels of the square around it, as far as the image reaches, have it too; else it is
 * background. `size`, the side of the square, is odd.
 */
export function erodeLabels(
  { width, height, data }: LabelGrid,
  { size = 7 }: { size?: number } = {},
): LabelGrid {
  const rows = uniform(data, { length: width, stride: 1, size })
  const columns = uniform(data, { length: height, stride: width, size })
  const reach = (size - 1) / 2
  const kept = Uint8Array.from(data, (label, at) => {
    if (columns[at] === 0) return 0 // else the square is uniform where all rows through this column are
    const y = Math.floor(at / width)
    const [before, after] = [Math.min(reach, y), Math.min(reach, height - 1 - y)]
    for (let step = -before; step <= after; step++) if (rows[at + step * width] === 0) return 0
    return label
  })
  return { width, height, data: kept }
}

/** 1 where all values of the window around a pixel, along lines of `length` pixels `stride` apart, are equal. */
function uniform(
  data: Uint8Array,
  { length, stride, size }: { length: number; stride: number; size: number },
): Uint8Array {
  const reach = (size - 1) / 2
  return Uint8Array.from(data, (value, at) => {
    const position = Math.floor(at / stride) % length
    const [before, after] = [Math.min(reach, position), Math.min(reach, length - 1 - position)]
    for (let step = -before; step <= after; step++) if (data[at + step * stride] !== value) return 0
    return 1
  })
}
