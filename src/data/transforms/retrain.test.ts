import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InputError } from '../../errors.ts'
import type { RgbImage } from '../../io/image.ts'
import type { LabelMap } from '../../io/indexed-png.ts'
import { type Random, randomStream } from '../random.ts'
import { resizeBytes } from './cv2-bytes.ts'
import { hsvToRgb, rgbToHsv } from './hsv.ts'
import { IMAGENET } from './normalise.ts'
import { PHOTOMETRIC, photometricDistortion } from './photometric.ts'
import { crop } from './resize.ts'
import {
  RETRAIN_TRANSFORM,
  type RetrainTransform,
  rescaledSize,
  retrainSample,
  roundedNormalisation,
} from './retrain.ts'

const side = fc.integer({ min: 1, max: 40 })

function noise(width: number, height: number, seed = 3): RgbImage {
  const random = randomStream(seed)
  const data = Uint8Array.from({ length: width * height * 3 }, () => random.integer(0, 255))
  return { width, height, data }
}

/** Labels in blocks, and an image that shows each as its own grey. */
function labelled(width: number, height: number, seed: number): { image: RgbImage; labels: LabelMap } {
  const random = randomStream(seed)
  const kinds = Array.from({ length: 16 }, () => [0, 1, 2, 255][random.integer(0, 3)]!)
  const data = Uint8Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)]
    return kinds[4 * Math.floor((4 * y) / height) + Math.floor((4 * x) / width)]!
  })
  const pixels = new Uint8Array(3 * width * height)
  for (const [i, label] of data.entries()) pixels.fill(label === 255 ? 250 : label * 50, 3 * i, 3 * i + 3)
  return { image: { width, height, data: pixels }, labels: { width, height, data } }
}

const PLAIN: RetrainTransform = {
  ...RETRAIN_TRANSFORM,
  mean: [0, 0, 0],
  std: [1, 1, 1],
  photometric: false,
  scale: [1, 1],
}

/** FNV-1a of bytes, compared with that of OpenCV 4.6's output. */
function fingerprint(bytes: Uint8Array): number {
  return bytes.reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193) >>> 0, 0x811c9dc5)
}

describe("OpenCV's bytes", () => {
  test.for([
    [69, 52, 1133167699],
    [25, 18, 340346980],
    [120, 20, 2174263301],
    [25, 74, 3541692211],
  ] as const)('50 x 37 to %i x %i, byte for byte', ([width, height, wanted]) => {
    const data = Uint8Array.from({ length: 50 * 37 * 3 }, (_, i) => Math.imul(i, 2654435761) >>> 24)
    const resized = resizeBytes({ width: 50, height: 37, data }, { width, height })
    expect(fingerprint(resized.data)).toBe(wanted)
  })

  test('a part of the resized image is that part of the whole', () => {
    fc.assert(
      fc.property(side, side, side, side, fc.nat(), (w, h, width, height, seed) => {
        const random = randomStream(seed)
        const image = noise(w, h, seed)
        const whole = resizeBytes(image, { width, height })
        const [x, y] = [random.integer(0, width - 1), random.integer(0, height - 1)]
        const box = { x, y, width: random.integer(1, width - x), height: random.integer(1, height - y) }
        expect(resizeBytes(image, { width, height }, box)).toEqual(crop(whole, box))
      }),
    )
  })

  test('its own size is a copy, one colour stays one colour', () => {
    const image = noise(9, 7)
    expect(resizeBytes(image, image)).toEqual(image)
    const flat = { width: 5, height: 3, data: new Uint8Array(45).fill(201) }
    expect(new Set(resizeBytes(flat, { width: 17, height: 2 }).data)).toEqual(new Set([201]))
  })
})

describe('HSV', () => {
  /** All triples of the three ranges, the last changing fastest. */
  function triples(steps: readonly [number, number, number], first: number): RgbImage {
    const data: number[] = []
    for (let a = 0; a < first; a += steps[0])
      for (let b = 0; b < 256; b += steps[1]) for (let c = 0; c < 256; c += steps[2]) data.push(a, b, c)
    return { width: data.length / 3, height: 1, data: Uint8Array.from(data) }
  }

  test("both ways, byte for byte OpenCV's", () => {
    expect(fingerprint(hsvToRgb(triples([1, 15, 17], 180)).data)).toBe(269742113)
    expect(fingerprint(rgbToHsv(triples([15, 15, 17], 256)).data)).toBe(2065761265)
  })

  test('named colours, hue in steps of two degrees', () => {
    const colours = [255, 0, 0, 0, 255, 0, 0, 0, 255, 128, 128, 128, 255, 255, 0, 10, 20, 30]
    const hsv = rgbToHsv({ width: 6, height: 1, data: Uint8Array.from(colours) })
    expect([...hsv.data]).toEqual([
      0, 255, 255, 60, 255, 255, 120, 255, 255, 0, 0, 128, 30, 255, 255, 105, 170, 30,
    ])
  })

  test('there and back moves no channel by more than hue and saturation can tell', () => {
    const image = noise(64, 64)
    const back = hsvToRgb(rgbToHsv(image)).data
    const furthest = back.reduce((most, value, i) => Math.max(most, Math.abs(value - image.data[i]!)), 0)
    expect(furthest).toBeLessThanOrEqual(5)
  })
})

describe('photometric distortion', () => {
  /** Says yes or no as told, and takes the same share of every range. */
  const scripted = (answers: readonly number[], share: number): Pick<Random, 'uniform' | 'integer'> => {
    const left = [...answers]
    return {
      uniform: (low, high) => low + share * (high - low),
      integer: (low, high) =>
        low === 0 && high === 1 ? left.shift()! : low + Math.floor(share * (high - low)),
    }
  }

  test('in half of the draws nothing happens at all', () => {
    const image = noise(6, 5)
    expect(photometricDistortion(image, scripted([0, 0, 0, 0, 0], 0.5))).toEqual(image)
  })

  test('brightness shifts, contrast multiplies, both cut off', () => {
    const image = { width: 2, height: 1, data: Uint8Array.of(0, 10, 100, 200, 250, 255) }
    // brightness, contrast early, contrast, saturation, hue
    expect([...photometricDistortion(image, scripted([1, 1, 0, 0, 0], 1)).data]).toEqual([
      32, 42, 132, 232, 255, 255,
    ])
    expect([...photometricDistortion(image, scripted([0, 1, 1, 0, 0], 0)).data]).toEqual([
      0, 5, 50, 100, 125, 127,
    ])
    // brightness, contrast late, saturation, hue, contrast
    expect([...photometricDistortion(image, scripted([1, 0, 0, 0, 1], 0)).data]).toEqual([
      0, 0, 34, 84, 109, 111,
    ])
  })

  test('grey has no hue to turn and no saturation to change', () => {
    const grey = { width: 3, height: 1, data: Uint8Array.of(9, 9, 9, 128, 128, 128, 255, 255, 255) }
    expect(photometricDistortion(grey, scripted([0, 1, 0, 1, 1], 0.9))).toEqual(grey)
  })

  test('the hue turns either way and wraps', () => {
    const red = { width: 1, height: 1, data: Uint8Array.of(255, 0, 0) }
    const turn = (share: number): number[] => [
      ...photometricDistortion(red, scripted([0, 1, 0, 0, 1], share)).data,
    ]
    expect(turn(0)).toEqual([255, 0, 152]) // 18 of 180 back
    expect(turn(1)).toEqual([255, 144, 0]) // 17 on: the upper end is never drawn
  })
})

describe('online retraining', () => {
  test('pixels and labels stay together, whatever is cut, flipped or padded', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 60 }),
        fc.integer({ min: 4, max: 60 }),
        fc.integer({ min: 4, max: 50 }),
        fc.nat(),
        (width, height, cropSize, seed) => {
          const { image, labels } = labelled(width, height, seed)
          const transform = { ...PLAIN, cropSize, shortSide: Math.min(width, height), maxRatio: 100 }
          const pixels = new Float32Array(3 * cropSize ** 2)
          const out = { pixels, labels: new Uint8Array(cropSize ** 2) }
          retrainSample({ image, labels, labelFile: 'a.png' }, transform, randomStream(seed), out)
          const shown = [Math.min(width, cropSize), Math.min(height, cropSize)] as const
          for (const [i, label] of out.labels.entries()) {
            const inside = i % cropSize < shown[0] && Math.floor(i / cropSize) < shown[1]
            const grey = Math.round(pixels[i]! * 255)
            if (inside) expect(grey).toBe(label === 255 ? 250 : label * 50)
            else expect([grey, label]).toEqual([0, 255])
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  test('a crop of one label is drawn again, ten times at most', () => {
    const labels = { width: 40, height: 40, data: new Uint8Array(1600) }
    for (let i = 0; i < 1600; i++) labels.data[i] = i % 40 >= 36 ? 1 : 0
    const image = { width: 40, height: 40, data: new Uint8Array(4800) }
    const draws: number[] = []
    const run = (columns: readonly number[]): number => {
      const left = [...columns]
      draws.length = 0
      const random: Pick<Random, 'uniform' | 'integer'> = {
        uniform: low => low,
        integer: (_, high) => {
          draws.push(high)
          return draws.length % 2 === 1 ? 0 : left.shift()!
        },
      }
      const out = { pixels: new Float32Array(300), labels: new Uint8Array(100) }
      const transform = { ...PLAIN, cropSize: 10, shortSide: 40, flip: 0 }
      retrainSample({ image, labels, labelFile: 'a.png' }, transform, random, out)
      return out.labels.reduce((sum, label) => sum + label, 0)
    }
    expect(run([0, 5, 30])).toBe(40) // 40 of 100 are label 1
    expect(run([28, 29, 29])).toBe(30) // 20 of 100 are too few, 30 are enough
    expect(run(Array.from({ length: 11 }, () => 0))).toBe(0)
    expect(draws).toHaveLength(22)
  })

  test('sizes keep the shape within both bounds, rounded as OpenCV is told', () => {
    expect(rescaledSize({ width: 500, height: 375 }, { long: 4160, short: 520 })).toEqual({
      width: 693,
      height: 520,
    })
    expect(rescaledSize({ width: 5000, height: 100 }, { long: 4160, short: 520 })).toEqual({
      width: 4160,
      height: 83,
    })
    expect(rescaledSize({ width: 5000, height: 1 }, { long: 100, short: 20 })).toEqual({
      width: 100,
      height: 1,
    })
  })

  test('constants are rounded as mmsegmentation was given them', () => {
    const { mean, std } = roundedNormalisation(IMAGENET)
    expect([...mean, ...std].map(value => Number((value * 255).toFixed(6)))).toEqual([
      123.68, 116.28, 103.53, 58.4, 57.12, 57.38,
    ])
  })

  test('labels of another size name their file', () => {
    const out = { pixels: new Float32Array(3 * 480 ** 2), labels: new Uint8Array(480 ** 2) }
    const sample = {
      image: noise(4, 4),
      labels: { width: 4, height: 3, data: new Uint8Array(12) },
      labelFile: 'b.png',
    }
    const attempt = () => retrainSample(sample, RETRAIN_TRANSFORM, randomStream(1), out)
    expect(attempt).toThrow(InputError)
    expect(attempt).toThrow("b.png: is 4 x 3; labels of the image's 4 x 4")
  })

  test('the defaults are the published ones', () => {
    expect(RETRAIN_TRANSFORM).toMatchObject({
      cropSize: 480,
      shortSide: 520,
      maxRatio: 8,
      scale: [0.5, 2],
      labelShare: 0.75,
    })
    expect(PHOTOMETRIC).toEqual({ brightness: 32, contrast: [0.5, 1.5], saturation: [0.5, 1.5], hue: 18 })
  })
})
