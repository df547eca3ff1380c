/** @file OpenCV's bilinear resize of bytes in fixed point (imgproc/src/resize.cpp), of one box. */
import type { RgbImage } from '../../io/image.ts'
import { linearTaps } from './cv2-resize.ts'
import type { Box } from './resize.ts'
import { roundHalfEven } from './rounding.ts'

const ONE = 1 << 11

/** `box` of the image resized to width x height; nothing outside it is computed. Byte for byte INTER_LINEAR and a crop. */
export function resizeBytes(
  image: RgbImage,
  { width, height }: { readonly width: number; readonly height: number },
  box: Box = { x: 0, y: 0, width, height },
): RgbImage {
  const columns = fixedTaps(image.width, width, 'row')
  const rows = fixedTaps(image.height, height, 'column')
  const data = new Uint8Array(box.width * box.height * 3)
  const upper = wideRow(box.width)
  const lower = wideRow(box.width)
  for (let y = 0; y < box.height; y++) {
    const row = box.y + y
    stretch(image, rows.low[row]!, columns, box, upper)
    stretch(image, rows.high[row]!, columns, box, lower)
    const [above, below] = [rows.lowWeight[row]!, rows.highWeight[row]!]
    const start = y * box.width * 3
    for (let i = 0; i < upper.values.length; i++) {
      const high = Math.imul(upper.values[i]! >> 4, above) >> 16
      const low = Math.imul(lower.values[i]! >> 4, below) >> 16
      data[start + i] = (high + low + 2) >> 2
    }
  }
  return { width: box.width, height: box.height, data }
}

interface FixedTaps {
  readonly low: Int32Array
  readonly high: Int32Array
  readonly lowWeight: Int32Array // of ONE
  readonly highWeight: Int32Array
}

function fixedTaps(inputs: number, outputs: number, axis: 'row' | 'column'): FixedTaps {
  const { low, high, lowWeight, highWeight } = linearTaps(inputs, outputs, axis)
  const fixed = (weights: Float32Array): Int32Array =>
    Int32Array.from(weights, weight => roundHalfEven(weight * ONE))
  return { low, high, lowWeight: fixed(lowWeight), highWeight: fixed(highWeight) }
}

/** One row of the source, stretched; `source` is its index. */
interface WideRow {
  source: number
  readonly values: Int32Array // times ONE
}

function wideRow(width: number): WideRow {
  return { source: -1, values: new Int32Array(width * 3) }
}

/** Columns of `box` from row `source` of the image; nothing is done when they are there already. */
function stretch(
  { width, data }: RgbImage,
  source: number,
  { low, high, lowWeight, highWeight }: FixedTaps,
  box: Box,
  into: WideRow,
): void {
  if (into.source === source) return
  into.source = source
  const start = source * width * 3
  for (let x = 0, to = 0; x < box.width; x++, to += 3) {
    const column = box.x + x
    const [left, right] = [start + low[column]! * 3, start + high[column]! * 3]
    const [a, b] = [lowWeight[column]!, highWeight[column]!]
    for (let c = 0; c < 3; c++)
      into.values[to + c] = Math.imul(data[left + c]!, a) + Math.imul(data[right + c]!, b)
  }
}
