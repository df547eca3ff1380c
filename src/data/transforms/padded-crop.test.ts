import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RgbImage } from '../../io/image.ts'
import { randomStream } from '../random.ts'
import { IMAGENET } from './normalise.ts'
import { PADDED_CROP, type PaddedCropTransform, paddedCropSample } from './padded-crop.ts'

/** Columns of grey that get brighter to the right, never black. */
function ramp(width: number, height: number): RgbImage {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const column = Math.floor(i / 3) % width
    return 60 + Math.floor((180 * column) / Math.max(1, width - 1))
  })
  return { width, height, data }
}

const sizes = fc.record({
  width: fc.integer({ min: 1, max: 70 }),
  height: fc.integer({ min: 1, max: 70 }),
  seed: fc.nat(),
})

function sample(image: RgbImage, options: Partial<PaddedCropTransform>, seed: number) {
  const transform = { ...PADDED_CROP, imageSize: 32, ...options }
  const pixels = new Float32Array(3 * 32 * 32).fill(Number.NaN)
  return { pixels, box: paddedCropSample(image, transform, randomStream(seed), pixels) }
}

describe('a padded crop', () => {
  test.for(['black', 'mean'] as const)('%s: is the image inside its box and padding beside it', padding => {
    const beside = padding === 'mean' ? [0, 0, 0] : IMAGENET.mean.map((mean, c) => -mean / IMAGENET.std[c]!)
    fc.assert(
      fc.property(sizes, ({ width, height, seed }) => {
        const { pixels, box } = sample(ramp(width, height), { padding }, seed)
        expect(box.width).toBeGreaterThan(0)
        expect(box.x + box.width).toBeLessThanOrEqual(32)
        expect(box.y + box.height).toBeLessThanOrEqual(32)
        for (let i = 0; i < pixels.length; i++) {
          const [c, y, x] = [Math.floor(i / 1024), Math.floor(i / 32) % 32, i % 32]
          const inside = x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height
          if (inside) expect(pixels[i]! - beside[c]!, `${x}, ${y}`).not.toBeCloseTo(0, 6)
          else expect(pixels[i]!).toBeCloseTo(beside[c]!, 5)
        }
      }),
      { numRuns: 40 },
    )
  })

  test('a flip turns the image and its box round', () => {
    const [plain, flipped] = [0, 1].map(flip => sample(ramp(20, 20), { flip, scale: [1, 1] }, 11))
    expect(flipped!.box).toEqual({ ...plain!.box, x: 32 - plain!.box.x - 20 })
    const row = (of: { pixels: Float32Array; box: { x: number; y: number } }): number[] => {
      const start = of.box.y * 32 + of.box.x
      return [...of.pixels.subarray(start, start + 20)]
    }
    expect(row(flipped!)).toEqual(row(plain!).reverse())
    expect(new Set(row(plain!)).size).toBe(20)
  })

  test('scales as asked: by a factor, to a longer side, and from no more than the longest side', () => {
    const { box: half } = sample(ramp(40, 20), { scale: [0.5, 0.5] }, 1)
    expect([half.width, half.height]).toEqual([20, 10])
    const { box: long } = sample(ramp(10, 5), { longSide: [24, 24] }, 1)
    expect([long.width, long.height]).toEqual([24, 12])
    const { box: reduced } = sample(ramp(4000, 2000), { longestSide: 20, scale: [1, 1] }, 1)
    expect([reduced.width, reduced.height]).toEqual([20, 10])
    const { box: line } = sample(ramp(60, 1), { scale: [0.5, 0.5] }, 1)
    expect([line.width, line.height]).toEqual([30, 1])
  })
})
