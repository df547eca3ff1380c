import { describe, expect, test } from 'vitest'
import { randomStream } from '../random.ts'
import {
  AFFINITY_TRANSFORM,
  type AffinityTransform,
  affinitySample,
  labelledAffinitySample,
} from './affinity.ts'
import { adjustHue, colourJitter } from './colour-jitter.ts'
import { drawCut } from './cut.ts'

const PLAIN: AffinityTransform = {
  ...AFFINITY_TRANSFORM,
  cropSize: 16,
  stride: 4,
  flip: 0,
  jitter: false,
}

function photo(width: number, height: number) {
  return {
    width,
    height,
    data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37) % 256),
  }
}

/** Background on the left half, the first class on the right, in both volumes. */
function halves(width: number, height: number) {
  const plane = (right: boolean) =>
    Array.from({ length: width * height }, (_, i) => (i % width >= width / 2 === right ? 1 : 0))
  const volume = Float32Array.from([...plane(false), ...plane(true)])
  return { width, height, channels: 2, low: volume, high: volume }
}

function transformed(transform: AffinityTransform, width: number, height: number, seed = 1) {
  const out = { pixels: new Float32Array(3 * 16 * 16), labels: new Uint8Array(16) }
  affinitySample(
    { image: photo(width, height), scores: halves(width, height), file: 'a.safetensors' },
    transform,
    randomStream(seed),
    out,
  )
  return out
}

test('the cut lies in the image, or the image in the square', () => {
  for (let seed = 0; seed < 200; seed++) {
    const cut = drawCut({ width: 20, height: 9 }, 16, randomStream(seed))
    expect(cut.left).toBeGreaterThanOrEqual(0)
    expect(cut.left + cut.width).toBeLessThanOrEqual(20)
    expect(cut.y + cut.height).toBeLessThanOrEqual(16)
    expect([cut.width, cut.height, cut.x, cut.top]).toEqual([16, 9, 0, 0])
  }
})

test('labels follow the scores, and a flip flips them', () => {
  const { labels } = transformed(PLAIN, 16, 16)
  expect([...labels.subarray(0, 4)]).toEqual([0, 0, 1, 1])
  const flipped = transformed({ ...PLAIN, flip: 1 }, 16, 16)
  expect([...flipped.labels.subarray(0, 4)]).toEqual([1, 1, 0, 0])
  const plain = transformed(PLAIN, 16, 16)
  for (let x = 0; x < 16; x++) expect(flipped.pixels[x]).toBe(plain.pixels[15 - x])
})

test('beside a small image nothing is known; it is black as published, the mean colour when corrected', () => {
  const [published, corrected] = (['published', 'corrected'] as const).map(padding =>
    transformed({ ...PLAIN, padding }, 4, 8),
  )
  expect(published!.labels.filter(label => label !== 255).length).toBeLessThanOrEqual(6)
  expect(published!.labels).toEqual(corrected!.labels)
  const black = Math.fround((0 - 0.485) / 0.229)
  const count = (pixels: Float32Array, value: number) =>
    pixels.subarray(0, 256).filter(pixel => Math.abs(pixel - value) < 1e-6).length
  expect(count(published!.pixels, black)).toBeGreaterThanOrEqual(256 - 32)
  expect(count(corrected!.pixels, 0)).toBeGreaterThanOrEqual(256 - 32)
})

test('only what both exponents call background is background; what only the low one calls so is unsure', () => {
  const [one, none] = [new Array(16).fill(1), new Array(16).fill(0)]
  const volume = (foreground: boolean) =>
    Float32Array.from(foreground ? [...none, ...one] : [...one, ...none])
  const label = (low: boolean, high: boolean): number => {
    const out = { pixels: new Float32Array(48), labels: new Uint8Array(1) }
    const scores = { width: 4, height: 4, channels: 2, low: volume(low), high: volume(high) }
    const transform = { ...PLAIN, cropSize: 4 }
    affinitySample({ image: photo(4, 4), scores, file: 'a' }, transform, randomStream(0), out)
    return out.labels[0]!
  }
  expect([label(true, true), label(false, true), label(false, false), label(true, false)]).toEqual([
    1, 255, 0, 0,
  ])
})

test('scores of another size are refused', () => {
  const out = { pixels: new Float32Array(768), labels: new Uint8Array(16) }
  expect(() =>
    affinitySample(
      { image: photo(16, 16), scores: halves(16, 12), file: 'a.safetensors' },
      PLAIN,
      randomStream(0),
      out,
    ),
  ).toThrow('a.safetensors: the label scores are 16 x 12 pixels; the image has 16 x 16')
})

describe('colour jitter', () => {
  const spread = { brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.1 }

  test('changes colours within bounds, by its stream alone', () => {
    const image = photo(8, 8)
    const [a, b, c] = [1, 1, 2].map(seed => colourJitter(image, spread, randomStream(seed)))
    expect(a).toEqual(b)
    expect(a).not.toEqual(c)
    const none = { brightness: 0, contrast: 0, saturation: 0, hue: 0 }
    const still = colourJitter(image, none, randomStream(1)).data
    const worst = Math.max(...still.map((value, i) => Math.abs(value - image.data[i]!)))
    expect(worst).toBeLessThanOrEqual(8) // eight bits of hue and saturation
  })

  test('turns red through green to blue, and leaves grey grey', () => {
    const red = { width: 2, height: 1, data: Uint8Array.of(255, 0, 0, 90, 90, 90) }
    expect([...adjustHue(red, 1 / 3).data]).toEqual([0, 255, 0, 90, 90, 90])
    expect([...adjustHue(red, 2 / 3).data]).toEqual([0, 0, 255, 90, 90, 90])
    expect([...adjustHue(red, -1 / 3).data]).toEqual([6, 0, 255, 90, 90, 90]) // bytes wrap at 256, the circle has 255
    expect(adjustHue(red, 0)).toEqual(red)
  })
})

describe('from a label map', () => {
  /** Columns in quarters: background, the first class, unsure, the second. */
  const quarters = (width: number, height: number) => ({
    width,
    height,
    data: Uint8Array.from(
      { length: width * height },
      (_, i) => [0, 1, 255, 2][Math.floor((4 * (i % width)) / width)]!,
    ),
  })
  const made = (
    transform: Partial<AffinityTransform>,
    [width, height]: [number, number],
    labels = quarters(width, height),
  ) => {
    const out = { pixels: new Float32Array(3 * 16 * 16), labels: new Uint8Array(16) }
    const image = photo(width, height)
    labelledAffinitySample({ image, labels, file: 'a.png' }, { ...PLAIN, ...transform }, randomStream(1), out)
    return out
  }

  test('a cell has the label of the pixel at its centre, of a resized and flipped image too', () => {
    expect([...made({}, [16, 16]).labels.subarray(0, 4)]).toEqual([0, 1, 255, 2])
    expect([...made({ flip: 1 }, [16, 16]).labels.subarray(4, 8)]).toEqual([2, 255, 1, 0])
    expect([...made({ longSide: [16, 16] }, [64, 64]).labels.subarray(8, 12)]).toEqual([0, 1, 255, 2])
    expect([...made({}, [40, 40], quarters(16, 16)).labels.subarray(0, 4)]).toEqual([0, 1, 255, 2])
  })

  test('beside a small image nothing is known', () => {
    const { labels } = made({ longSide: [8, 8] }, [40, 40])
    const inside = labels.filter(label => label !== 255)
    expect(inside.length).toBeGreaterThan(0)
    expect(inside.length).toBeLessThanOrEqual(6)
  })

  test('pixels are those of the same draw without labels', () => {
    const { pixels } = made({}, [20, 18])
    expect(pixels).toEqual(transformed(PLAIN, 20, 18).pixels)
  })

  test('refuses labels of another shape, by the file', () => {
    expect(() => made({}, [16, 16], quarters(16, 24))).toThrow(
      'a.png: the labels are 16 x 24 pixels; the image has 16 x 16',
    )
  })
})
