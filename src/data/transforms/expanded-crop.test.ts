import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { RgbImage } from '../../io/image.ts'
import { sampleRandom } from '../random.ts'
import { type ExpandedCropTransform, expandedCropSample } from './expanded-crop.ts'

const PLAIN: ExpandedCropTransform = {
  imageSize: 8,
  jitter: false,
  expand: [1, 3],
  scale: [0.08, 1],
  ratio: [3 / 4, 4 / 3],
  flip: 0,
  mean: [0, 0, 0],
  std: [1, 1, 1],
}

/** Brighter to the right in red, and downwards in green. */
function ramp(width: number, height: number): RgbImage {
  const data = new Uint8Array(3 * width * height)
  for (let i = 0; i < width * height; i++)
    data.set([(255 * (i % width)) / (width - 1), (255 * Math.floor(i / width)) / (height - 1), 7], 3 * i)
  return { width, height, data }
}

function sample(transform: Partial<ExpandedCropTransform>, seed: number): Float32Array {
  const out = new Float32Array(3 * 64)
  expandedCropSample(ramp(40, 30), { ...PLAIN, ...transform }, sampleRandom(seed, 0, 0), out)
  return out
}

test('is a part of the image, in order', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1000 }), seed => {
      const pixels = sample({}, seed)
      for (let y = 0; y < 8; y++)
        for (let x = 1; x < 8; x++) expect(pixels[8 * y + x]!).toBeGreaterThanOrEqual(pixels[8 * y + x - 1]!)
      for (let i = 64; i < 120; i++) expect(pixels[i + 8]!).toBeGreaterThanOrEqual(pixels[i]!)
      for (const blue of pixels.subarray(128)) expect(blue).toBeCloseTo(7 / 255, 6)
    }),
    { numRuns: 30 },
  )
})

test('a flip turns it around, jitter changes its colours, and a seed determines it', () => {
  const [plain, flipped] = [sample({}, 3), sample({ flip: 1 }, 3)]
  for (let i = 0; i < 64; i++) expect(flipped[i]).toBe(plain[8 * Math.floor(i / 8) + 7 - (i % 8)])
  expect(sample({}, 3)).toEqual(plain)
  expect(sample({}, 4)).not.toEqual(plain)
  const jitter = { brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.1 }
  expect(sample({ jitter }, 3)).not.toEqual(plain)
})

test('the larger the factor, the finer what a whole crop is drawn from, and the crop is as large', () => {
  const whole = { scale: [1, 1], ratio: [4 / 3, 4 / 3] } as const
  const [once, thrice] = [1, 3].map(factor => sample({ ...whole, expand: [factor, factor] }, 5))
  for (const [i, value] of once!.entries()) expect(thrice![i]!).toBeCloseTo(value, 1)
})
