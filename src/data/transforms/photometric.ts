/** @file mmsegmentation's PhotoMetricDistortion: brightness, contrast, saturation and hue, each in half of the images. */
import type { RgbImage } from '../../io/image.ts'
import type { Random } from '../random.ts'
import { hsvToRgb, rgbToHsv } from './hsv.ts'

export interface PhotometricOptions {
  /** Largest change of brightness, grey levels. */
  readonly brightness: number
  /** Factor on all values, [smallest, largest]. */
  readonly contrast: readonly [number, number]
  /** Factor on the saturation, [smallest, largest]. */
  readonly saturation: readonly [number, number]
  /** Largest shift of the hue, of 180; +hue itself is never drawn. */
  readonly hue: number
}

export const PHOTOMETRIC: PhotometricOptions = {
  brightness: 32,
  contrast: [0.5, 1.5],
  saturation: [0.5, 1.5],
  hue: 18,
}

/** Draws and applies the changes; contrast comes second or last. */
export function photometricDistortion(
  image: RgbImage,
  random: Pick<Random, 'uniform' | 'integer'>,
  { brightness, contrast, saturation, hue }: PhotometricOptions = PHOTOMETRIC,
): RgbImage {
  const maybe = (sample: RgbImage, change: (sample: RgbImage) => RgbImage): RgbImage =>
    random.integer(0, 1) === 1 ? change(sample) : sample
  const contrasted = (sample: RgbImage): RgbImage =>
    maybe(sample, it => scaled(it, { factor: random.uniform(...contrast) }))
  let sample = maybe(image, it => scaled(it, { shift: random.uniform(-brightness, brightness) }))
  const contrastEarly = random.integer(0, 1) === 1
  if (contrastEarly) sample = contrasted(sample)
  sample = maybe(sample, it => saturated(it, random.uniform(...saturation)))
  sample = maybe(sample, it => shiftHue(it, random.integer(-hue, hue - 1)))
  return contrastEarly ? sample : contrasted(sample)
}

/** value * factor + shift in single precision, cut to a byte. */
function convert(value: number, { factor = 1, shift = 0 }: { factor?: number; shift?: number }): number {
  const changed = Math.fround(Math.fround(value * Math.fround(factor)) + Math.fround(shift))
  return Math.trunc(Math.max(0, Math.min(255, changed)))
}

function scaled({ width, height, data }: RgbImage, change: { factor?: number; shift?: number }): RgbImage {
  const table = Uint8Array.from({ length: 256 }, (_, value) => convert(value, change))
  return { width, height, data: data.map(value => table[value]!) }
}

function saturated(image: RgbImage, factor: number): RgbImage {
  const table = Uint8Array.from({ length: 256 }, (_, value) => convert(value, { factor }))
  const hsv = rgbToHsv(image)
  for (let i = 1; i < hsv.data.length; i += 3) hsv.data[i] = table[hsv.data[i]!]!
  return hsvToRgb(hsv)
}

function shiftHue(image: RgbImage, by: number): RgbImage {
  const hsv = rgbToHsv(image)
  for (let i = 0; i < hsv.data.length; i += 3) hsv.data[i] = (hsv.data[i]! + by + 180) % 180
  return hsvToRgb(hsv)
}
