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

/** A byte as a share of 255. */
const SHARE = Float32Array.from({ length: 256 }, (_, value) => value * Math.fround(1 / 255))

/** The edge of the colour circle, of six, on which each hue lies, and how far along. */
const POSITION = Float32Array.from({ length: HUES }, (_, hue) => hue * Math.fround(6 / HUES))
const EDGE = Uint8Array.from(POSITION)
const ALONG = POSITION.map((position, hue) => position - EDGE[hue]!)

/** The inverse, in single precision, cut to bytes; 1 - s h is rounded once, as by OpenCV's kernels with fused products. */
export function hsvToRgb({ width, height, data: source }: RgbImage): RgbImage {
  const data = new Uint8Array(source.length)
  for (let i = 0; i < source.length; i += 3) {
    const h = ALONG[source[i]!]!
    const s = SHARE[source[i + 1]!]!
    const v = SHARE[source[i + 2]!]!
    const full = Math.fround(v * 255)
    const none = Math.fround(Math.fround(v * Math.fround(1 - s)) * 255)
    const falling = Math.fround(Math.fround(v * Math.fround(1 - s * h)) * 255)
    const rising = Math.fround(Math.fround(v * Math.fround(1 - s * Math.fround(1 - h))) * 255)
    const edge = EDGE[source[i]!]!
    data[i] = edge === 0 || edge === 5 ? full : edge === 1 ? falling : edge === 4 ? rising : none
    data[i + 1] = edge === 1 || edge === 2 ? full : edge === 3 ? falling : edge === 0 ? rising : none
    data[i + 2] = edge === 3 || edge === 4 ? full : edge === 5 ? falling : edge === 2 ? rising : none
  }
  return { width, height, data }
}

function reciprocals(of: number): Int32Array {
  return Int32Array.from({ length: 256 }, (_, i) => (i === 0 ? 0 : roundHalfEven((of * (1 << SHIFT)) / i)))
}
