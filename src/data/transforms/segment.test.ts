import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InputError } from '../../errors.ts'
import type { RgbImage } from '../../io/image.ts'
import { randomStream } from '../random.ts'
import { linearTaps, nearestIndices } from './cv2-resize.ts'
import { IMAGENET, normalise } from './normalise.ts'
import { drawPlacement, placeImage, placeLabels, SEGMENT_TRANSFORM, segmentSample } from './segment.ts'

const RAW = { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] } as const // leaves bytes as they are

/** Red is the column, green the row. */
function coordinates(width: number, height: number): RgbImage {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const place = Math.floor(i / 3)
    return i % 3 === 0 ? place % width : i % 3 === 1 ? Math.floor(place / width) : 0
  })
  return { width, height, data }
}

/** Labels whose value is the same pixel's row times 16 plus its column. */
function places(width: number, height: number) {
  const data = Uint8Array.from({ length: width * height }, (_, i) => 16 * Math.floor(i / width) + (i % width))
  return { width, height, data }
}

const side = fc.integer({ min: 1, max: 30 })

describe("OpenCV's resize", () => {
  test('weights add up to one, indices lie in the source, and the same size changes nothing', () => {
    fc.assert(
      fc.property(side, side, fc.constantFrom('row', 'column'), (inputs, outputs, axis) => {
        const { low, high, lowWeight, highWeight } = linearTaps(inputs, outputs, axis)
        for (let i = 0; i < outputs; i++) {
          expect(lowWeight[i]! + highWeight[i]!).toBeCloseTo(1, 6)
          expect(low[i]).toBeGreaterThanOrEqual(0)
          expect(high[i]).toBeLessThan(inputs)
          if (inputs === outputs) expect([low[i], highWeight[i]]).toEqual([i, 0])
        }
        const nearest = nearestIndices(inputs, outputs)
        expect(Math.min(...nearest)).toBe(0)
        expect(Math.max(...nearest)).toBeLessThan(inputs)
      }),
    )
  })

  test('halves are where they are: 4 to 2, 2 to 4', () => {
    expect([...linearTaps(4, 2, 'row').low]).toEqual([0, 2])
    expect([...linearTaps(4, 2, 'row').highWeight]).toEqual([0.5, 0.5])
    expect([...linearTaps(2, 4, 'row').highWeight]).toEqual([0, 0.25, 0.75, 0])
    expect([...nearestIndices(4, 6)]).toEqual([0, 0, 1, 2, 2, 3])
  })
})

describe('a segmentation sample', () => {
  const small = { ...SEGMENT_TRANSFORM, cropSize: 5 }

  test('cuts image and labels at the same place, and flips both', () => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(0, 1), (seed, flip) => {
        const random = randomStream(seed)
        const out = { pixels: new Float32Array(75), labels: new Uint8Array(25) }
        segmentSample(
          { image: coordinates(9, 7), labels: places(9, 7), labelFile: 'a.png' },
          { ...small, ...RAW, flip },
          { scale: 1, random },
          out,
        )
        const labels = Array.from({ length: 25 }, (_, i) => 16 * out.pixels[25 + i]! + out.pixels[i]!)
        expect([...out.labels].map((label, i) => Math.abs(label - labels[i]!))).toEqual(
          new Array(25).fill(expect.closeTo(0, 3)),
        )
        expect(out.labels[1]! - out.labels[0]!).toBe(flip === 1 ? -1 : 1)
      }),
      { numRuns: 30 },
    )
  })

  test('never draws the last offset, as published', () => {
    const almostOne = { uniform: () => 1 - 2 ** -53 }
    const placement = drawPlacement({ width: 9, height: 7 }, small, { scale: 1, random: almostOne })
    expect(placement).toEqual({ width: 9, height: 7, flipped: true, left: 3, top: 1 })
  })

  test('draws an offset only where the image is larger, the row first', () => {
    const asked: number[] = []
    const random = { uniform: () => asked.push(1) / 10 }
    expect(drawPlacement({ width: 30, height: 3 }, small, { scale: 0.5, random })).toEqual({
      width: 15,
      height: 1,
      flipped: false,
      left: 2,
      top: 0,
    })
    expect(asked).toHaveLength(2)
  })

  test('beside a smaller image: the mean colour, and background or nothing as asked', () => {
    const placement = { width: 3, height: 2, flipped: false, left: 0, top: 0 }
    const out = new Float32Array(75)
    const image = coordinates(3, 2)
    placeImage(image, placement, { ...IMAGENET, side: 5, out })
    const plain = normalise(image)
    for (let y = 0; y < 5; y++)
      for (let x = 0; x < 5; x++)
        expect(out[y * 5 + x]).toBeCloseTo(x < 3 && y < 2 ? plain[y * 3 + x]! : 0, 5)
    const labels = new Uint8Array(25)
    for (const [padding, value] of [
      ['background', 0],
      ['ignore', 255],
    ] as const) {
      placeLabels(places(3, 2), placement, { side: 5, padding, out: labels })
      expect([...labels.subarray(0, 5)]).toEqual([0, 1, 2, value, value])
      expect([...labels.subarray(10)]).toEqual(new Array(15).fill(value))
    }
  })

  test('a one-pixel-wide image shrinks to one pixel, not to none', () => {
    const out = { pixels: new Float32Array(75), labels: new Uint8Array(25) }
    const sample = { image: coordinates(1, 9), labels: places(1, 9), labelFile: 'a.png' }
    segmentSample(sample, small, { scale: 0.7, random: randomStream(1) }, out)
    expect(out.labels[0]).toBeLessThan(16 * 9)
    expect(out.labels[1]).toBe(0)
  })

  test('labels of another size are refused by name', () => {
    const out = { pixels: new Float32Array(75), labels: new Uint8Array(25) }
    const sample = { image: coordinates(9, 7), labels: places(7, 9), labelFile: 'pseudo-masks/a.png' }
    expect(() => segmentSample(sample, small, { scale: 1, random: randomStream(1) }, out)).toThrow(
      new InputError('pseudo-masks/a.png', 'the labels are 7 x 9 pixels', {
        expected: 'the image has 9 x 7',
      }),
    )
  })
})
