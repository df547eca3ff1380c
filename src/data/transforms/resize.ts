/** @file Pillow's antialiased resize, bit for bit: fixed-point coefficients, two passes (libImaging/Resample.c). */
import type { RgbImage } from '../../io/image.ts'

/** Part of an image, in pixels. */
export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export type Filter = 'bicubic' | 'bilinear'

const PRECISION_BITS = 32 - 8 - 2
const HALF = 1 << (PRECISION_BITS - 1)

/**
 * Resizes `box` of an image (all of it by default) to width x height. Nothing outside the box is read. Equal to
 * `image.crop(box).resize(size, filter)` of Pillow in every byte.
 */
export function resize(
  image: RgbImage,
  { width, height, box, filter = 'bicubic' }: { width: number; height: number; box?: Box; filter?: Filter },
): RgbImage {
  const from = box ?? { x: 0, y: 0, width: image.width, height: image.height }
  if (from.width === width && from.height === height) return crop(image, from)
  const narrow = from.width === width ? crop(image, from) : resizeRows(image, from, width, filter)
  return from.height === height ? narrow : resizeColumns(narrow, height, filter)
}

/** Copies `box` of an image. */
export function crop(image: RgbImage, { x, y, width, height }: Box): RgbImage {
  const data = new Uint8Array(width * height * 3)
  for (let row = 0; row < height; row++) {
    const start = ((y + row) * image.width + x) * 3
    data.set(image.data.subarray(start, start + width * 3), row * width * 3)
  }
  return { width, height, data }
}

/** Column after column: the weights stay the same all the way down. */
function resizeRows(image: RgbImage, box: Box, width: number, filter: Filter): RgbImage {
  const { starts, counts, weights, taps } = coefficients(box.width, width, filter)
  const source = image.data
  const data = new Uint8Array(width * box.height * 3)
  for (let x = 0; x < width; x++) {
    const first = x * taps
    const last = first + counts[x]!
    let from = (box.y * image.width + box.x + starts[x]!) * 3
    let to = x * 3
    for (let y = 0; y < box.height; y++) {
      let at = from
      let r = HALF
      let g = HALF
      let b = HALF
      for (let k = first; k < last; k++) {
        const w = weights[k]!
        r = (r + Math.imul(source[at]!, w)) | 0
        g = (g + Math.imul(source[at + 1]!, w)) | 0
        b = (b + Math.imul(source[at + 2]!, w)) | 0
        at += 3
      }
      data[to] = clip8(r)
      data[to + 1] = clip8(g)
      data[to + 2] = clip8(b)
      from += image.width * 3
      to += width * 3
    }
  }
  return { width, height: box.height, data }
}

/** Row after row, four taps at a time: a quarter of the reads and writes of the sums. */
function resizeColumns(image: RgbImage, height: number, filter: Filter): RgbImage {
  const { starts, counts, weights, taps } = coefficients(image.height, height, filter)
  const source = image.data
  const stride = image.width * 3
  const data = new Uint8Array(stride * height)
  const sums = new Int32Array(stride)
  for (let y = 0; y < height; y++) {
    sums.fill(HALF)
    const start = starts[y]!
    const last = start + counts[y]! - 1
    for (let k = 0; k < counts[y]!; k += 4) {
      const at = y * taps + k
      const [w0, w1, w2, w3] = [weights[at]!, weights[at + 1]!, weights[at + 2]!, weights[at + 3]!]
      const row0 = (start + k) * stride
      const row1 = Math.min(start + k + 1, last) * stride // beyond the last tap the weight is 0
      const row2 = Math.min(start + k + 2, last) * stride
      const row3 = Math.min(start + k + 3, last) * stride
      for (let i = 0; i < stride; i++) {
        const pair = Math.imul(source[row0 + i]!, w0) + Math.imul(source[row1 + i]!, w1)
        const rest = Math.imul(source[row2 + i]!, w2) + Math.imul(source[row3 + i]!, w3)
        sums[i] = (sums[i]! + pair + rest) | 0
      }
    }
    const to = y * stride
    for (let i = 0; i < stride; i++) data[to + i] = clip8(sums[i]!)
  }
  return { width: image.width, height, data }
}

function clip8(sum: number): number {
  const value = sum >> PRECISION_BITS
  return Math.max(0, Math.min(255, value))
}

interface Coefficients {
  readonly starts: Int32Array // [outputs] first source index
  readonly counts: Int32Array // [outputs] number of taps in use
  readonly weights: Int32Array // [outputs, taps] fixed point, PRECISION_BITS fractional bits, 0 beyond the count
  readonly taps: number // a multiple of four
}

/** precompute_coeffs and normalize_coeffs_8bpc. */
function coefficients(inputs: number, outputs: number, filter: Filter): Coefficients {
  const { weigh, support: radius } = FILTERS[filter]
  const scale = inputs / outputs
  const stretch = Math.max(scale, 1)
  const support = radius * stretch
  const taps = Math.ceil((Math.ceil(support) * 2 + 1) / 4) * 4
  const starts = new Int32Array(outputs)
  const counts = new Int32Array(outputs)
  const weights = new Int32Array(outputs * taps)
  const row = new Float64Array(taps)
  for (let out = 0; out < outputs; out++) {
    const centre = (out + 0.5) * scale
    const start = Math.max(0, Math.trunc(centre - support + 0.5))
    const count = Math.min(inputs, Math.trunc(centre + support + 0.5)) - start
    let total = 0
    for (let k = 0; k < count; k++) {
      const w = weigh((k + start - centre + 0.5) * (1 / stretch))
      row[k] = w
      total += w
    }
    for (let k = 0; k < count; k++) {
      const w = (total === 0 ? row[k]! : row[k]! / total) * (1 << PRECISION_BITS)
      weights[out * taps + k] = Math.trunc(w < 0 ? w - 0.5 : w + 0.5)
    }
    starts[out] = start
    counts[out] = count
  }
  return { starts, counts, weights, taps }
}

const FILTERS = {
  bicubic: { weigh: bicubic, support: 2 },
  bilinear: { weigh: bilinear, support: 1 },
} as const

function bicubic(distance: number): number {
  const a = -0.5
  const x = Math.abs(distance)
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a
  return 0
}

function bilinear(distance: number): number {
  return Math.max(0, 1 - Math.abs(distance))
}
