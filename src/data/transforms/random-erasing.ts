/** @file RandomErasing with per-pixel noise, on normalised images (timm 0.4.12, data/random_erasing.py). */
import type { Random } from '../random.ts'
import { roundHalfEven } from './rounding.ts'

/** `area` is a share of the image; `aspect` is height over width, uniform in its logarithm. */
export interface RandomErasingOptions {
  readonly probability: number
  readonly area: readonly [number, number]
  readonly aspect: readonly [number, number]
}

export const RANDOM_ERASING: RandomErasingOptions = {
  probability: 0.25,
  area: [0.02, 1 / 3],
  aspect: [0.3, 1 / 0.3],
}

const ATTEMPTS = 10

/** With `probability`, fills one random rectangle of a [3, height, width] image with N(0, 1), in place. */
export function randomErasing(
  pixels: Float32Array,
  { width, height }: { width: number; height: number },
  random: Random,
  {
    probability = RANDOM_ERASING.probability,
    area = RANDOM_ERASING.area,
    aspect = RANDOM_ERASING.aspect,
  }: Partial<RandomErasingOptions> = {},
): void {
  if (random.uniform(0, 1) > probability) return
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const target = random.uniform(area[0], area[1]) * width * height
    const shape = Math.exp(random.uniform(Math.log(aspect[0]), Math.log(aspect[1])))
    const h = roundHalfEven(Math.sqrt(target * shape))
    const w = roundHalfEven(Math.sqrt(target / shape))
    if (w >= width || h >= height) continue
    const top = random.integer(0, height - h)
    const left = random.integer(0, width - w)
    for (let channel = 0; channel < 3; channel++)
      for (let y = top; y < top + h; y++) {
        const row = (channel * height + y) * width
        for (let x = left; x < left + w; x++) pixels[row + x] = random.normal(0, 1)
      }
    return
  }
}
