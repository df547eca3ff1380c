import fc from 'fast-check'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { describe, expect, test } from 'vitest'
import { InputError } from '../../errors.ts'
import { memory, ops, scope, type Tensor, tensor } from '../../torch/index.ts'
import { refuseLarge } from '../refuse-large.ts'
import { denormalisedImages } from './denormalised-images.ts'
import { type ParImage, parMasks, parMasksNow } from './kernel.ts'
import { parMemory } from './memory.ts'
import { parByOperators } from './operators.ts'
import { par } from './par.ts'
import { PAR, type ParParameters } from './parameters.ts'

/** Numbers in [0, 1); bytes / 255 where `bytes`. */
function numbers(length: number, { seed, bytes = false }: { seed: number; bytes?: boolean }): Float32Array {
  const random = xoroshiro128plus(seed)
  return Float32Array.from({ length }, () => {
    const value = (random.next() >>> 0) / 2 ** 32
    return bytes ? Math.floor(256 * value) / 255 : value
  })
}

function sampleOf(size: { width: number; height: number; channels: number }, seed = 1): ParImage {
  const pixels = size.width * size.height
  return {
    width: size.width,
    height: size.height,
    image: numbers(3 * pixels, { seed, bytes: true }),
    masks: numbers(size.channels * pixels, { seed: seed + 1 }),
  }
}

function largestDifference(got: Float32Array, want: Float32Array): number {
  expect(got.length).toBe(want.length)
  return got.reduce((largest, value, i) => Math.max(largest, Math.abs(value - want[i]!)), 0)
}

const now = (sample: ParImage): Float32Array => parMasksNow([sample])[0]!

function byOperators({ width, height, image, masks }: ParImage, parameters: ParParameters): Float32Array {
  return scope(() => {
    const channels = masks.length / (width * height)
    const pixels = tensor(image, [1, 3, height, width])
    return parByOperators(pixels, tensor(masks, [1, channels, height, width]), parameters).toFloat32Array()
  })
}

describe('PAR', () => {
  test('by the kernel and by operators are the same, whatever the size', () => {
    const cases = fc.record({
      width: fc.integer({ min: 1, max: 150 }),
      height: fc.integer({ min: 1, max: 40 }),
      channels: fc.integer({ min: 1, max: 19 }),
      iterations: fc.integer({ min: 0, max: 3 }),
      dilations: fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 4 }),
      seed: fc.integer({ min: 1, max: 1000 }),
    })
    fc.assert(
      fc.property(cases, ({ iterations, dilations, seed, ...size }) => {
        const sample = sampleOf(size, seed)
        const parameters = { ...PAR, iterations, dilations }
        const want = byOperators(sample, parameters)
        for (const threads of [1, 3])
          expect(largestDifference(now({ ...sample, ...parameters, threads }), want)).toBeLessThan(2e-4)
      }),
      { numRuns: 60 },
    )
  })

  test('does not depend on the number of threads, nor on whether it is waited for', async () => {
    const sample = sampleOf({ width: 133, height: 70, channels: 5 })
    const one = now({ ...sample, threads: 1 })
    expect(now({ ...sample, threads: 4 })).toEqual(one)
    expect(await parMasks({ ...sample, threads: 2 })).toEqual(one)
    const other = sampleOf({ width: 20, height: 31, channels: 2 }, 3)
    expect(parMasksNow([other, { ...sample, threads: 1 }, other])).toEqual([now(other), one, now(other)])
    expect(parMasksNow([])).toEqual([])
  })

  test('grows a mask to the border of its colour, and 1.01 times in each iteration', () => {
    const [width, height] = [48, 20]
    const image = new Float32Array(3 * width * height).map((_, i) => (i % width < 24 ? 20 : 200) / 255)
    const masks = new Float32Array(width * height).map((_, i) => (i % width < 12 ? 1 : 0))
    const flat = new Float32Array(width * height).fill(0.5)
    const both = Float32Array.of(...masks, ...flat)
    const refined = now({ width, height, image, masks: both, iterations: 40 })
    const at = (x: number): number => refined[10 * width + x]!
    expect(at(20)).toBeGreaterThan(0.4)
    expect(at(27)).toBeLessThan(0.5 * at(20))
    for (const value of refined.subarray(width * height)) expect(value / (0.5 * 1.01 ** 40)).toBeCloseTo(1, 4)
  })

  test('an image of one colour is averaged over all neighbours', () => {
    const sample = { ...sampleOf({ width: 1, height: 1, channels: 1 }), masks: Float32Array.of(0.25) }
    expect(now({ ...sample, iterations: 1 })[0]).toBeCloseTo(0.25 * 1.01, 6)
  })

  test('spreads smaller masks first, as torch does with aligned corners', () => {
    scope(() => {
      const masks = tensor(numbers(2 * 3 * 4 * 7, { seed: 5 }), [2, 3, 4, 7])
      const images = tensor(numbers(2 * 3 * 9 * 5, { seed: 6, bytes: true }), [2, 3, 9, 5])
      const fitting = ops.upsampleBilinear2d(masks, [9, 5], true)
      const spread = par(images, masks, { iterations: 0 })
      expect(spread.shape).toEqual([2, 3, 9, 5])
      expect(largestDifference(spread.toFloat32Array(), fitting.toFloat32Array())).toBeLessThan(1e-6)
      const want = parByOperators(images, fitting, PAR).toFloat32Array()
      expect(largestDifference(par(images, masks).toFloat32Array(), want)).toBeLessThan(1e-4)
    })
  })

  test('leaves its inputs as they were, keeps no gradient and no tensor', () => {
    scope(() => {
      const images = ops.rand([1, 3, 12, 12])
      const masks = ops.rand([1, 2, 12, 12])
      masks.requiresGrad = true
      const before = masks.toFloat32Array()
      const live = memory().live
      for (const refine of [par, (i: Tensor, m: Tensor) => parByOperators(i, m, PAR)]) {
        const refined = refine(images, masks)
        expect(refined.requiresGrad).toBe(false)
        refined.dispose()
        denormalisedImages(images).dispose()
      }
      expect(memory().live).toBe(live)
      expect(masks.toFloat32Array()).toEqual(before)
    })
  })
})

describe('what PAR refuses', () => {
  const sample = { ...sampleOf({ width: 6, height: 4, channels: 2 }), name: 'a.png' }

  test.for([
    [{ dilations: [] }, 'a.png (dilations): is []; expected one to sixteen whole numbers from 1 to 1024'],
    [
      { dilations: [0.5] },
      'a.png (dilations): is [0.5]; expected one to sixteen whole numbers from 1 to 1024',
    ],
    [{ iterations: -1 }, 'a.png (iterations): is -1; expected an integer of at least 0'],
    [{ w1: 0 }, 'a.png (w1): is 0; expected a number above 0'],
    [{ w2: Number.NaN }, 'a.png (w2): is NaN; expected a number of at least 0'],
    [{ width: 0 }, 'a.png (image): is 0 x 4'],
    [{ width: 5 }, 'a.png (image): has 72 values; expected 60 for 5 x 4 RGB'],
    [{ masks: new Float32Array(25) }, 'a.png (masks): has 25 values; expected a multiple of 24 pixels'],
  ] as const)('%o', ([change, message]) => {
    expect(() => now({ ...sample, ...change })).toThrow(InputError)
    expect(() => now({ ...sample, ...change })).toThrow(message)
  })

  test('a batch of other masks than images', () => {
    scope(() => {
      expect(() => par(ops.rand([2, 3, 4, 4]), ops.rand([1, 2, 4, 4]))).toThrow(
        'PAR: images [2,3,4,4] and masks [1,2,4,4]; expected [B, 3, H, W] and [B, C, h, w]',
      )
    })
  })

  test('what does not fit into memory, before anything is allocated', () => {
    const needed = parMemory({ width: 6000, height: 4000, channels: 21 }, PAR)
    expect(needed).toBeGreaterThan(4 * 6000 * 4000 * (48 + 4 * 21))
    expect(() => refuseLarge(needed, { name: 'big', what: 'PAR' }, { budget: () => 3e9 })).toThrow(
      /^big \(image\): PAR needs about 1[0-9]\.\d GB; 3\.0 GB of memory may be used; give a smaller image$/,
    )
  })
})

test('images come back as the bytes they were, or one below', () => {
  scope(() => {
    const bytes = [0, 1, 99, 128, 254, 255]
    const planes = Float32Array.from([0, 1, 2].flatMap(() => bytes))
    const [mean, std] = [
      [0.485, 0.456, 0.406],
      [0.229, 0.224, 0.225],
    ] as const
    const images = tensor(
      planes.map((value, i) => (value / 255 - mean[Math.floor(i / 6)]!) / std[Math.floor(i / 6)]!),
      [1, 3, 1, 6],
    )
    const back = denormalisedImages(images)
      .toFloat32Array()
      .map(value => 255 * value)
    for (const [i, value] of back.entries()) expect([planes[i]! - 1, planes[i]!]).toContain(Math.round(value))
    expect(Math.round(back[5]!)).toBe(255)
  })
})
