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
    const [r, g, b] = [source[i]!, source[i + 1]!, source[i + 2]!]
    const value = Math.max(r, g, b)
    const range = value - Math.min(r, g, b)
    const saturation = range === 0 ? 0 : Math.trunc((range / value) * 255)
    if (saturation === 0) data.fill(value, i, i + 3)
    else {
      const hue = (hueByte(r, g, b, value, range) + shift) & 255
      writeHsv(data, i, hue, saturation, value)
    }
  }
  return { width, height, data }
}

function hueByte(r: number, g: number, b: number, value: number, range: number): number {
  const [rc, gc, bc] = [(value - r) / range, (value - g) / range, (value - b) / range]
  const sixths = r === value ? bc - gc : g === value ? 2 + rc - bc : 4 + gc - rc
  return Math.trunc(((sixths / 6 + 1) % 1) * 255)
}

function writeHsv(data: Uint8Array, at: number, hue: number, saturation: number, value: number): void {
  const sixths = (hue * 6) / 255
  const sector = Math.floor(sixths)
  const [rest, share] = [sixths - sector, saturation / 255]
  const low = Math.round(value * (1 - share))
  const falling = Math.round(value * (1 - share * rest))
  const rising = Math.round(value * (1 - share * (1 - rest)))
  const colours = [
    [value, rising, low],
    [falling, value, low],
    [low, value, rising],
    [low, falling, value],
    [rising, low, value],
    [value, low, falling],
  ] as const
  data.set(colours[sector % 6]!, at)
}
