/** @file Random crop and flip as timm 0.4.12 draws them (data/transforms.py, RandomResizedCropAndInterpolation). */
import type { RgbImage } from '../../io/image.ts'
import type { Random } from '../random.ts'
import type { Box } from './resize.ts'
import { roundHalfEven } from './rounding.ts'

const ATTEMPTS = 10

/**
 * Draws the box of a RandomResizedCrop: `scale` is the share of the area, `ratio` width over height (uniform in
 * its logarithm). After ten boxes that do not fit, the largest centred one whose shape is within `ratio`.
 */
export function randomCropBox(
  { width, height }: { width: number; height: number },
  random: Pick<Random, 'uniform' | 'integer'>,
  {
    scale = [0.08, 1],
    ratio = [3 / 4, 4 / 3],
  }: { scale?: readonly [number, number]; ratio?: readonly [number, number] } = {},
): Box {
  const area = width * height
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const target = random.uniform(scale[0], scale[1]) * area
    const aspect = Math.exp(random.uniform(Math.log(ratio[0]), Math.log(ratio[1])))
    const w = roundHalfEven(Math.sqrt(target * aspect))
    const h = roundHalfEven(Math.sqrt(target / aspect))
    if (w < 1 || h < 1 || w > width || h > height) continue
    const y = random.integer(0, height - h)
    const x = random.integer(0, width - w)
    return { x, y, width: w, height: h }
  }
  return centredBox({ width, height }, ratio)
}

function centredBox(
  { width, height }: { width: number; height: number },
  [narrowest, widest]: readonly [number, number],
): Box {
  const aspect = width / height
  const h = aspect < narrowest ? roundHalfEven(width / narrowest) : height
  const w = aspect > widest ? roundHalfEven(height * widest) : width
  return { x: Math.floor((width - w) / 2), y: Math.floor((height - h) / 2), width: w, height: h }
}

/** Flips left to right. */
export function flipHorizontal({ width, height, data: source }: RgbImage): RgbImage {
  const data = new Uint8Array(source.length)
  for (let y = 0, to = 0; y < height; y++)
    for (let from = ((y + 1) * width - 1) * 3, x = 0; x < width; x++, from -= 3, to += 3) {
      data[to] = source[from]!
      data[to + 1] = source[from + 1]!
      data[to + 2] = source[from + 2]!
    }
  return { width, height, data }
}
