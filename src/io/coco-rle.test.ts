/** @file Tests of COCO's run lengths against texts made by pycocotools 2.0.11. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InputError } from '../errors.ts'
import { decodeRuns, encodeRuns, packCounts, paintRuns, readRuns, runArea, unpackCounts } from './coco-rle.ts'

/** A mask from a rule, as numpy's mgrid makes it. */
function drawn(width: number, height: number, isIn: (x: number, y: number) => boolean) {
  const data = new Uint8Array(width * height)
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data[y * width + x] = isIn(x, y) ? 1 : 0
  return { width, height, data }
}

const DISC =
  'Wl1a0U28I6K4L4L4M2N2M4M2N2N2N2N2N2O0O2N2N2O0O2O0O2O0O2O000O2O00000O2O00000000000000000000000000000001N1000001N10001N101N101N101N2N2N101N2N2N2N2N2N3L3N2N3L4L4L5J7HWg1'

describe('run lengths', () => {
  it('are those of pycocotools: columns first, zeros first', () => {
    const square = drawn(5, 4, (x, y) => x >= 1 && x < 4 && y >= 1 && y < 3)
    expect([...encodeRuns(square).counts]).toEqual([5, 2, 2, 2, 2, 2, 5])
    expect(packCounts(encodeRuns(square).counts)).toBe('5220003')
    expect(packCounts(encodeRuns(drawn(2, 3, () => true)).counts)).toBe('06')
    expect(packCounts(encodeRuns(drawn(2, 3, () => false)).counts)).toBe('6')
    const noise = { width: 4, height: 3, data: [0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1] }
    expect(packCounts(encodeRuns(noise).counts)).toBe('312000O0')
  })

  it('of a disc and of a pattern of 3,973 letters are those of pycocotools', () => {
    const disc = drawn(120, 90, (x, y) => (x - 60) ** 2 + (y - 45) ** 2 < 1600)
    const runs = encodeRuns(disc)
    expect(packCounts(runs.counts)).toBe(DISC)
    expect(runArea(runs)).toBe(5013)
    const read = readRuns({ size: [90, 120], counts: DISC }, { width: 120, height: 90, ...AT })
    expect(decodeRuns(read)).toEqual(disc.data)
    const pattern = drawn(120, 90, (x, y) => (x * 7 + y * 13) % 11 < 4)
    const text = packCounts(encodeRuns(pattern).counts)
    expect(text).toHaveLength(3973)
    expect(createHash('sha256').update(text).digest('hex')).toBe(
      '8a1b58f78f1d4ad80b7e67ff4bb214537791253c264a217e39e1a515a937c021',
    )
  })

  it('begin as pycocotools writes long ones', () => {
    const large = drawn(
      700,
      500,
      (x, y) => (x >= 50 && x < 650 && y >= 100 && y < 400) || (x >= 300 && x < 302) || (x === 0 && y === 0),
    )
    const runs = encodeRuns(large)
    expect(packCounts(runs.counts).slice(0, 40)).toBe('01[`h0[9meWO0000000000000000000000000000')
    expect([runs.counts.length, runArea(runs), packCounts(runs.counts).length]).toEqual([1201, 180401, 1217])
  })

  it('of one value of a label map leave the others out', () => {
    const map = { width: 2, height: 2, data: [3, 7, 3, 255] }
    expect([...encodeRuns(map, { value: 3 }).counts]).toEqual([0, 2, 2])
    expect([...encodeRuns(map, { value: 255 }).counts]).toEqual([3, 1])
  })

  it('paint only their own pixels', () => {
    const data = Uint8Array.from([9, 9, 9, 9])
    paintRuns({ width: 2, height: 2, counts: Uint32Array.from([1, 1, 2]) }, { data, value: 4 })
    expect([...data]).toEqual([9, 9, 4, 9])
  })

  it('come back from the text and from the counts, whatever the mask', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.infiniteStream(fc.boolean()),
        (width, height, bits) => {
          const mask = drawn(width, height, () => bits.next().value)
          const runs = encodeRuns(mask)
          const size = [height, width]
          for (const counts of [packCounts(runs.counts), [...runs.counts]])
            expect(decodeRuns(readRuns({ size, counts }, { width, height, ...AT }))).toEqual(mask.data)
        },
      ),
    )
  })

  it('of large images keep their counts in the text', () => {
    const counts = [0, 2 ** 31 - 1, 5, 1, 2 ** 30]
    expect(unpackCounts(packCounts(counts))).toEqual(counts)
  })
})

const AT = { file: 'a.json', field: 'annotation 1' }

/** What is said of run lengths of an image of 3 x 2. */
function saidOf(value: unknown): string {
  try {
    readRuns(value, { width: 3, height: 2, ...AT })
    return 'accepted'
  } catch (error) {
    if (error instanceof InputError) return error.message
    throw error
  }
}

describe('run lengths of a file', () => {
  it('must have the size of the image, checked before anything is allocated', () => {
    expect(saidOf({ size: [2, 3], counts: [6] })).toBe('accepted')
    expect(saidOf({ size: [2_000_000, 2_000_000], counts: [4e12] })).toBe(
      'a.json (annotation 1): has run lengths of 2000000 x 2000000, and the image has 3 x 2; size is [height, width] of the image',
    )
    expect(saidOf({ size: [2, 3], counts: [4, 4_000_000_000] })).toBe(
      'a.json (annotation 1): has run lengths of 4000000004 pixels, and the image has 6; the counts add up to height x width',
    )
  })

  it('must be counts', () => {
    const expected =
      '{"size": [height, width], "counts": [zeros, ones, zeros, ...]}, or the counts as pycocotools writes them'
    for (const counts of [[-1, 7], ['6'], [1.5, 4.5], '6 ', 'o', 'ooooooooo6', undefined, 7])
      expect(saidOf({ size: [2, 3], counts })).toBe(
        `a.json (annotation 1): has run lengths that are no counts; ${expected}`,
      )
    expect(saidOf({ counts: [6] })).toBe(
      `a.json (annotation 1): has run lengths without their size; ${expected}`,
    )
    expect(saidOf({ size: [{ toString: 1 }, 3], counts: [6] })).toBe(
      `a.json (annotation 1): has run lengths without their size; ${expected}`,
    )
    expect(saidOf(null)).toBe(`a.json (annotation 1): has run lengths without their size; ${expected}`)
  })

  it('as text never fail in another way', () => {
    fc.assert(
      fc.property(fc.string(), text => {
        expect(typeof saidOf({ size: [2, 3], counts: text })).toBe('string')
      }),
    )
  })
})
