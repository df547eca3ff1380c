/** @file OpenCV's 8-bit HSV and back (imgproc/src/color_hsv.simd.hpp): hue 0..179, saturation and value 0..255. */
import type { RgbImage } from '../../io/image.ts'
import { roundHalfEven } from './rounding.ts'

const SHIFT = 12
const HALF = 1 << (SHIFT - 1)
const HUES = 180

/** Fixed-point 255 / v and 30 / d; 0 for 0. */
const PER_VALUE = reciprocals(255)
const PER_RANGE = reciprocals(HUES / 6)

/** Hue, saturation and value of each pixel, in place of red, green and blue. */
export function rgbToHsv({ width, height, data: source }: RgbImage): RgbImage {
  const data = new Uint8Array(source.length)
  for (let i = 0; i < source.length; i += 3) {
    const [r, g, b] = [source[i]!, source[i + 1]!, source[i + 2]!]
    const value = Math.max(r, g, b)
    const range = value - Math.min(r, g, b)
    const sector = value === r ? g - b : value === g ? b - r + 2 * range : r - g + 4 * range
    const hue = (sector * PER_RANGE[range]! + HALF) >> SHIFT
    data[i] = hue < 0 ? hue + HUES : hue
    data[i + 1] = (range * PER_VALUE[value]! + HALF) >> SHIFT
    data[i + 2] = value
  }
  return { width, height, data }
}

/** The inverse, in single precision, rounded to bytes. */
export function hsvToRgb({ width, height, data: source }: RgbImage): RgbImage {
  const data = new Uint8Array(source.length)
  for (let i = 0; i < source.length; i += 3) {
    const position = Math.fround(source[i]! * PER_HUE)
    const sector = Math.trunc(position)
    const h = Math.fround(position - sector)
    const v = Math.fround(source[i + 2]! * PER_BYTE)
    const vs = Math.fround(v * Math.fround(source[i + 1]! * PER_BYTE))
    const vsh = Math.fround(vs * h)
    const shades = [v, Math.fround(v - vs), Math.fround(v - vsh), Math.fround(v - Math.fround(vs - vsh))]
    const [r, g, b] = SECTORS[sector % 6]!
    data[i] = byte(shades[r]!)
    data[i + 1] = byte(shades[g]!)
    data[i + 2] = byte(shades[b]!)
  }
  return { width, height, data }
}

const PER_HUE = Math.fround(6 / HUES)
const PER_BYTE = Math.fround(1 / 255)

/** Which shade red, green and blue have in each sixth of the hues. */
const SECTORS = [
  [0, 3, 1],
  [2, 0, 1],
  [1, 0, 3],
  [1, 2, 0],
  [3, 1, 0],
  [0, 1, 2],
] as const

function byte(share: number): number {
  return Math.max(0, Math.min(255, roundHalfEven(Math.fround(share * 255))))
}

function reciprocals(of: number): Int32Array {
  return Int32Array.from({ length: 256 }, (_, i) => (i === 0 ? 0 : roundHalfEven((of * (1 << SHIFT)) / i)))
}
