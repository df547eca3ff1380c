/** @file torchvision's ColorJitter on bytes, with Pillow's hue: brightness, contrast, saturation and hue in random order. */
import type { RgbImage } from '../../io/image.ts'
import { type Random, shuffledIndices } from '../random.ts'
import { brightness, contrast, saturation } from './colour.ts'

/** Factors are drawn from 1 +- each; hue, a share of the colour circle, from +- itself. */
export interface ColourJitterOptions {
  readonly brightness: number
  readonly contrast: number
  readonly saturation: number
  readonly hue: number
}

export function colourJitter(image: RgbImage, options: ColourJitterOptions, random: Random): RgbImage {
  const factor = (spread: number): number => random.uniform(Math.max(0, 1 - spread), 1 + spread)
  const steps = [
    (sample: RgbImage) => brightness(sample, factor(options.brightness)),
    (sample: RgbImage) => contrast(sample, factor(options.contrast)),
    (sample: RgbImage) => saturation(sample, factor(options.saturation)),
    (sample: RgbImage) => adjustHue(sample, random.uniform(-options.hue, options.hue)),
  ]
  return shuffledIndices(steps.length, random).reduce((sample, step) => steps[step]!(sample), image)
}

/** Shifts the hue by a share of the colour circle, through Pillow's eight-bit HSV (adjust_hue; libImaging/Convert.c). */
export function adjustHue({ width, height, data: source }: RgbImage, turn: number): RgbImage {
  const shift = Math.trunc(turn * 255)
  const data = new Uint8Array(source.length)
  for (let i = 0; i < source.length; i += 3) {
    const r = source[i]!
    const g = source[i + 1]!
    const b = source[i + 2]!
    const value = Math.max(r, g, b)
    const range = value - Math.min(r, g, b)
    const saturation = range === 0 ? 0 : Math.trunc((range / value) * 255)
    const sixths = saturation === 0 ? 0 : (((hueByte(r, g, b, value, range) + shift) & 255) * 6) / 255
    const edge = Math.floor(sixths)
    const rest = sixths - edge
    const share = saturation / 255
    const low = Math.round(value * (1 - share))
    const falling = Math.round(value * (1 - share * rest))
    const rising = Math.round(value * (1 - share * (1 - rest)))
    // the edges of the colour circle; 6 is 0 again. No array for a pixel: that takes a multiple of the time
    data[i] = edge % 5 === 0 || edge === 6 ? value : edge === 1 ? falling : edge === 4 ? rising : low
    data[i + 1] = edge === 1 || edge === 2 ? value : edge === 3 ? falling : edge % 6 === 0 ? rising : low
    data[i + 2] = edge === 3 || edge === 4 ? value : edge === 5 ? falling : edge === 2 ? rising : low
  }
  return { width, height, data }
}

function hueByte(r: number, g: number, b: number, value: number, range: number): number {
  const rc = (value - r) / range
  const gc = (value - g) / range
  const bc = (value - b) / range
  const sixths = r === value ? bc - gc : g === value ? 2 + rc - bc : 4 + gc - rc
  const turns = sixths / 6 + 1
  return Math.trunc((turns - Math.floor(turns)) * 255)
}
