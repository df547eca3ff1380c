/** @file Pillow's ImageOps and ImageEnhance on RGB, bit for bit: what RandAugment's colour operations are made of. */
import type { RgbImage } from '../../io/image.ts'

/** Stretches each channel's range to 0..255. */
export function autocontrast(image: RgbImage): RgbImage {
  return mapChannels(image, histogram => {
    const low = histogram.findIndex(count => count > 0)
    const high = histogram.findLastIndex(count => count > 0)
    if (high <= low) return undefined
    const scale = 255 / (high - low)
    const offset = -low * scale
    return value => clip(Math.trunc(value * scale + offset))
  })
}

/** Equalises each channel's histogram. */
export function equalize(image: RgbImage): RgbImage {
  return mapChannels(image, histogram => {
    const last = histogram.findLastIndex(count => count > 0)
    const step = Math.floor((image.width * image.height - histogram[last]!) / 255)
    if (step === 0) return undefined
    let sum = Math.floor(step / 2)
    return value => {
      const mapped = clip(Math.floor(sum / step))
      sum += histogram[value]!
      return mapped
    }
  })
}

export function invert(image: RgbImage): RgbImage {
  return mapValues(image, value => 255 - value)
}

/** Keeps the highest `bits` bits (0 to 8) of each value. */
export function posterize(image: RgbImage, bits: number): RgbImage {
  const mask = bits >= 8 ? 255 : ~(2 ** (8 - bits) - 1)
  return mapValues(image, value => value & mask)
}

/** Inverts the values at and above the threshold. */
export function solarize(image: RgbImage, threshold: number): RgbImage {
  return mapValues(image, value => (value < threshold ? value : 255 - value))
}

/** Adds to the values below 128. */
export function solarizeAdd(image: RgbImage, addend: number): RgbImage {
  return mapValues(image, value => (value < 128 ? Math.min(255, value + addend) : value))
}

/** Blends with black: 0 is black, 1 the image, more is brighter. */
export function brightness(image: RgbImage, factor: number): RgbImage {
  return mapValues(image, value => blend(0, value, Math.fround(factor)))
}

/** Blends with the mean grey. */
export function contrast(image: RgbImage, factor: number): RgbImage {
  const { data } = image
  let sum = 0
  for (let i = 0; i < data.length; i += 3) sum += luma(data, i)
  const mean = Math.trunc(sum / (data.length / 3) + 0.5)
  return mapValues(image, value => blend(mean, value, Math.fround(factor)))
}

/** Blends with the grey image: 0 is grey, more than 1 more colourful. */
export function saturation(image: RgbImage, factor: number): RgbImage {
  const { width, height, data: source } = image
  const alpha = Math.fround(factor)
  const data = new Uint8Array(source.length)
  for (let i = 0; i < source.length; i += 3) {
    const grey = luma(source, i)
    data[i] = blend(grey, source[i]!, alpha)
    data[i + 1] = blend(grey, source[i + 1]!, alpha)
    data[i + 2] = blend(grey, source[i + 2]!, alpha)
  }
  return { width, height, data }
}

/** Blends with the smoothed image (3 x 3, weights 1 and 5 in the middle; the border stays). */
export function sharpness(image: RgbImage, factor: number): RgbImage {
  const { width, height, data: source } = image
  const alpha = Math.fround(factor)
  const stride = width * 3
  const data = new Uint8Array(source) // a copy: slice would share a Buffer
  for (let y = 1; y < height - 1; y++) {
    const end = (y + 1) * stride - 3
    for (let i = y * stride + 3; i < end; i++) {
      const above = source[i - stride - 3]! + source[i - stride]! + source[i - stride + 3]!
      const below = source[i + stride - 3]! + source[i + stride]! + source[i + stride + 3]!
      const sum = above + below + source[i - 3]! + 5 * source[i]! + source[i + 3]!
      data[i] = blend(((2 * sum + 13) / 26) | 0, source[i]!, alpha) // sum / 13, rounded
    }
  }
  return { width, height, data }
}

/** ImagingBlend: a + factor (b - a) in single precision, cut to a byte. */
function blend(a: number, b: number, factor: number): number {
  const value = Math.fround(a + Math.fround(factor * (b - a)))
  return value <= 0 ? 0 : value >= 255 ? 255 : value | 0
}

/** ITU-R 601 luma as Pillow's convert('L'). */
function luma(data: Uint8Array, at: number): number {
  return (data[at]! * 19595 + data[at + 1]! * 38470 + data[at + 2]! * 7471 + 0x8000) >> 16
}

function clip(value: number): number {
  return Math.max(0, Math.min(255, value))
}

function mapValues(image: RgbImage, map: (value: number) => number): RgbImage {
  const table = Uint8Array.from({ length: 256 }, (_, value) => map(value))
  return lookUp(image, [table, table, table])
}

/** A table per channel, made from its histogram; undefined leaves the channel alone. */
function mapChannels(
  image: RgbImage,
  make: (histogram: Int32Array) => ((value: number) => number) | undefined,
): RgbImage {
  const table = (channel: number) => {
    const histogram = new Int32Array(256)
    for (let i = channel; i < image.data.length; i += 3) histogram[image.data[i]!]!++
    const map = make(histogram) ?? (value => value)
    return Uint8Array.from({ length: 256 }, (_, value) => map(value))
  }
  return lookUp(image, [table(0), table(1), table(2)])
}

function lookUp({ width, height, data: source }: RgbImage, tables: readonly Uint8Array[]): RgbImage {
  const [red, green, blue] = tables as [Uint8Array, Uint8Array, Uint8Array]
  const data = new Uint8Array(source.length)
  for (let i = 0; i < source.length; i += 3) {
    data[i] = red[source[i]!]!
    data[i + 1] = green[source[i + 1]!]!
    data[i + 2] = blue[source[i + 2]!]!
  }
  return { width, height, data }
}
