import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RgbImage } from '../../io/image.ts'
import { randomStream, sampleRandom } from '../random.ts'
import { affine, rotate } from './affine.ts'
import { brightness, posterize, saturation } from './colour.ts'
import { flipHorizontal, randomCropBox } from './crop.ts'
import { evalSample, shorterSide } from './eval.ts'
import { IMAGENET, meanColour, normalise } from './normalise.ts'
import {
  OPERATIONS,
  type OperationName,
  operationArgument,
  RAND_AUGMENT,
  randAugment,
} from './rand-augment.ts'
import { RANDOM_ERASING, randomErasing } from './random-erasing.ts'
import { type Box, crop, resize } from './resize.ts'
import { roundHalfEven } from './rounding.ts'
import { augment, TRAIN_TRANSFORM, trainSample } from './train.ts'
import { scaledSize } from './views.ts'

function noise(width: number, height: number, seed = 3): RgbImage {
  const random = randomStream(seed)
  return {
    width,
    height,
    data: Uint8Array.from({ length: width * height * 3 }, () => random.integer(0, 255)),
  }
}

const side = fc.integer({ min: 1, max: 40 })

describe('resize', () => {
  test('of one colour gives that colour at any size, and the box decides alone what is seen', () => {
    fc.assert(
      fc.property(
        side,
        side,
        side,
        side,
        fc.constantFrom('bicubic', 'bilinear'),
        (w, h, width, height, filter) => {
          const flat = { width: w, height: h, data: new Uint8Array(w * h * 3).fill(137) }
          const resized = resize(flat, { width, height, filter })
          expect(resized).toEqual({ width, height, data: new Uint8Array(width * height * 3).fill(137) })
          const image = noise(60, 50)
          const box = { x: 7, y: 3, width: w, height: h }
          expect(resize(image, { width, height, box, filter })).toEqual(
            resize(crop(image, box), { width, height, filter }),
          )
        },
      ),
    )
  })

  test('to its own size is a copy', () => {
    const image = noise(9, 7)
    const same = resize(image, { width: 9, height: 7 })
    expect(same).toEqual(image)
    expect(same.data).not.toBe(image.data)
  })

  test('of an image more than 100 times as tall as wide resizes the height first, as Pillow does', () => {
    const tall = noise(3, 301)
    const low = resize(tall, { width: 3, height: 50 })
    expect(resize(tall, { width: 2, height: 50 })).toEqual(resize(low, { width: 2, height: 50 }))
    const narrow = resize(tall, { width: 2, height: 301 })
    expect(resize(tall, { width: 2, height: 400 })).toEqual(resize(narrow, { width: 2, height: 400 }))
  })

  test('of a box that is not in the image, or of an image with pixels missing, is refused', () => {
    const image = noise(9, 7)
    const to = { width: 4, height: 4 }
    const outside: [keyof Box, number][] = [
      ['x', 9],
      ['y', 7],
      ['width', 10],
      ['height', 8],
      ['x', -1],
      ['width', 0],
    ]
    const whole = { x: 0, y: 0, width: 9, height: 7 }
    for (const [key, value] of outside)
      expect(() => resize(image, { ...to, box: { ...whole, [key]: value } })).toThrow('not an integer from')
    expect(() => resize({ ...image, data: image.data.subarray(1) }, to)).toThrow('holds 188 values, not 189')
    expect(() => resize(image, { width: 2 ** 20, height: 2 ** 20 })).toThrow('more than')
  })
})

describe('random crop', () => {
  test('boxes lie inside the image, of the asked shape and area unless none fits', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 900 }),
        fc.integer({ min: 1, max: 900 }),
        fc.nat(),
        (width, height, seed) => {
          const box = randomCropBox({ width, height }, randomStream(seed))
          expect(Math.min(box.x, box.y)).toBeGreaterThanOrEqual(0)
          expect(Math.min(box.width, box.height)).toBeGreaterThanOrEqual(1)
          expect(box.x + box.width).toBeLessThanOrEqual(width)
          expect(box.y + box.height).toBeLessThanOrEqual(height)
        },
      ),
    )
  })

  test('falls back to the largest centred box within the ratio', () => {
    const never = { uniform: (_: number, high: number) => high, integer: () => 0 } // the whole area at 4 : 3
    expect(randomCropBox({ width: 100, height: 300 }, never)).toEqual({
      x: 0,
      y: 83,
      width: 100,
      height: 133,
    })
    expect(randomCropBox({ width: 300, height: 90 }, never)).toEqual({ x: 90, y: 0, width: 120, height: 90 })
    expect(randomCropBox({ width: 100, height: 100 }, never)).toEqual({ x: 0, y: 0, width: 100, height: 100 })
  })

  test('the area is drawn evenly from the scale', () => {
    const random = randomStream(2)
    const shares = Array.from({ length: 4000 }, () => {
      const box = randomCropBox({ width: 800, height: 800 }, random, { scale: [0.2, 0.6] })
      return (box.width * box.height) / 640_000
    })
    expect(Math.min(...shares)).toBeGreaterThan(0.199)
    expect(Math.max(...shares)).toBeLessThan(0.601)
    expect(Math.abs(shares.reduce((sum, share) => sum + share, 0) / shares.length - 0.4)).toBeLessThan(0.01)
  })
})

test('a flip flips each row, twice is nothing', () => {
  const image = noise(5, 3)
  const flipped = flipHorizontal(image)
  expect([...flipped.data.subarray(0, 3)]).toEqual([...image.data.subarray(12, 15)])
  expect(flipHorizontal(flipped)).toEqual(image)
})

describe('RandAugment', () => {
  const fill = meanColour(IMAGENET.mean)

  test('no operation writes into its input', () => {
    // a Buffer: its slice shares memory, which once let an operation change the image it was given
    const image = { ...noise(12, 10), data: Buffer.from(noise(12, 10).data) }
    for (const name of Object.keys(OPERATIONS) as OperationName[]) {
      const result = OPERATIONS[name].apply(image, operationArgument(name, 9, -1), fill)
      expect([...image.data], name).toEqual([...noise(12, 10).data])
      expect([result.width, result.height]).toEqual([12, 10])
    }
  })

  test('moves that move nothing, and strengths that change nothing, give the image back', () => {
    const image = noise(13, 9)
    expect(affine(image, [1, 0, 0, 0, 1, 0], fill)).toEqual(image)
    expect(rotate(image, 0, fill)).toEqual(image)
    expect(rotate(rotate(noise(9, 9), 180, fill), 180, fill)).toEqual(noise(9, 9))
    expect(brightness(image, 1)).toEqual(image)
    expect(saturation(image, 1)).toEqual(image)
    expect(posterize(image, 8)).toEqual(image)
  })

  test('what a move uncovers is filled', () => {
    const moved = affine(noise(10, 4), [1, 0, 5, 0, 1, 0], fill)
    expect([...moved.data.subarray(15, 18)]).toEqual([...fill])
    expect([...moved.data.subarray(0, 3)]).toEqual([...noise(10, 4).data.subarray(15, 18)])
  })

  test('magnitudes beyond the range are clipped', () => {
    expect(operationArgument('Rotate', 12, -1)).toBe(-30)
    expect(operationArgument('PosterizeIncreasing', 10.5, 1)).toBe(0)
    expect(operationArgument('ShearX', -1, 1)).toBe(0)
  })

  test('a quarter of the images stays as it is, and none when every operation is sure', () => {
    const image = noise(8, 8)
    const same = (probability: number) => {
      const results = Array.from({ length: 2000 }, (_, seed) =>
        randAugment(image, randomStream(seed), { ...RAND_AUGMENT, probability, fill }),
      )
      return results.filter(({ data }) => data === image.data).length / 2000
    }
    expect(Math.abs(same(0.5) - 0.25)).toBeLessThan(0.04)
    expect(same(1)).toBe(0)
    expect(same(0)).toBe(1)
  })
})

describe('random erasing', () => {
  test('erases one rectangle of the asked area with normal noise, in the asked share of images', () => {
    const size = { width: 50, height: 40 }
    let erased = 0
    const values: number[] = []
    for (let seed = 0; seed < 1000; seed++) {
      const pixels = new Float32Array(3 * 2000).fill(77)
      randomErasing(pixels, size, randomStream(seed), RANDOM_ERASING)
      const changed = pixels.reduce((count, value) => count + (value === 77 ? 0 : 1), 0)
      if (changed === 0) continue
      erased++
      expect(changed / 6000).toBeGreaterThan(0.015)
      expect(changed / 6000).toBeLessThan(0.36)
      values.push(...pixels.filter(value => value !== 77).subarray(0, 20))
    }
    expect(Math.abs(erased / 1000 - 0.25)).toBeLessThan(0.05)
    const variance = values.reduce((sum, value) => sum + value ** 2, 0) / values.length
    expect(Math.abs(variance - 1)).toBeLessThan(0.1)
  })
})

test('the training sample is fixed by its stream, and every part can be switched off', () => {
  const image = noise(60, 45)
  const transform = { ...TRAIN_TRANSFORM, imageSize: 32 }
  const sample = (epoch: number) => trainSample(image, transform, sampleRandom(1, epoch, 2))
  expect(sample(0)).toEqual(sample(0))
  expect(sample(0)).not.toEqual(sample(1))
  const square = noise(40, 40)
  const plain = {
    ...transform,
    scale: [1, 1] as const,
    ratio: [1, 1] as const,
    flip: 0,
    randAugment: false as const,
    erasing: false as const,
  }
  const resized = resize(square, { width: 32, height: 32 })
  expect(augment(square, plain, randomStream(0))).toEqual(resized)
  expect(trainSample(square, plain, randomStream(0))).toEqual(normalise(resized, IMAGENET))
  expect(augment(square, { ...plain, flip: 1 }, randomStream(0))).toEqual(flipHorizontal(resized))
})

test('sizes follow Python: halves to even, 256 for 224', () => {
  expect([0.5, 1.5, 2.5, 2.4, -1.5].map(roundHalfEven)).toEqual([0, 2, 2, 2, -2])
  expect([224, 448, 384, 96].map(shorterSide)).toEqual([256, 512, 438, 109])
  expect(scaledSize({ width: 371, height: 373 }, 0.5)).toEqual({ width: 186, height: 186 })
  expect(scaledSize({ width: 371, height: 373 }, 0.5, { unit: 16 })).toEqual({ width: 192, height: 192 })
})

test('the evaluation transform cuts the middle of any shape', () => {
  for (const [width, height] of [
    [30, 90],
    [90, 30],
    [5, 5],
    [64, 64],
  ] as const)
    expect(evalSample(noise(width, height), { imageSize: 32, ...IMAGENET })).toHaveLength(3 * 32 * 32)
})
