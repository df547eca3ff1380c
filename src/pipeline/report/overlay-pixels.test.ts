import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { predictLabels } from '../../evaluate/index.ts'
import { reducedSize } from '../../io/image.ts'
import type { ColouredAreas } from '../../io/thumbnail.ts'
import { drawLabels, drawMistakes, drawScores, LEAST_ALPHA, SCORE_LEVELS } from './overlay-pixels.ts'
import { classColour, ERROR_COLOURS } from './palette.ts'

const areas = ({ data, colours }: ColouredAreas): number[][] =>
  [...data].map(index => [...colours[index]!, index === 0 ? 0 : 255])

const pixels = ({ data }: { data: Uint8Array }): number[][] =>
  Array.from({ length: data.length / 4 }, (_, i) => [...data.subarray(4 * i, 4 * i + 4)])

describe('a score map', () => {
  it('holds the mask of every threshold that is a multiple of 1/200', () => {
    const scores = fc.array(fc.float({ min: 0, max: 1, noNaN: true }), { minLength: 6, maxLength: 6 })
    const level = fc.integer({ min: 0, max: SCORE_LEVELS })
    fc.assert(
      fc.property(scores, scores, level, (first, second, at) => {
        const cams = {
          width: 3,
          height: 2,
          maps: new Map([
            [0, Float32Array.from(first, (score, i) => (i === 0 ? at / SCORE_LEVELS : score))],
            [2, Float32Array.from(second, (score, i) => (i === 0 ? 0 : score))],
          ]),
        }
        const threshold = at / SCORE_LEVELS
        const { image } = drawScores(cams, { classes: 3, threshold, file: 'x' })
        const mask = predictLabels(cams, { labels: 4, threshold, file: 'x' })
        for (const [i, [r, g, b, alpha]] of pixels(image).entries()) {
          const label = mask.data[i]!
          expect(alpha! > LEAST_ALPHA + at).toBe(label !== 0)
          if (label !== 0) expect([r, g, b]).toEqual(classColour(label - 1))
        }
      }),
    )
  })

  it('counts pixels within a quarter of the threshold as unsure', () => {
    const map = Float32Array.of(0, 0.29, 0.31, 0.4, 0.49, 0.51, 1, 0.3999)
    const cams = { width: 4, height: 2, maps: new Map([[0, map]]) }
    expect(drawScores(cams, { classes: 1, threshold: 0.4, file: 'x' }).unsure).toBe(4 / 8)
  })
})

describe('masks and mistakes', () => {
  const grid = (data: readonly number[], width = 4) => ({
    width,
    height: data.length / width,
    data: Uint8Array.from(data),
  })

  it('are clear where there is nothing to say', () => {
    const mask = grid([0, 1, 2, 255])
    expect(areas(drawLabels(mask, mask))).toEqual([
      [0, 0, 0, 0],
      [...classColour(0), 255],
      [...classColour(1), 255],
      [...ERROR_COLOURS.ignored.colour, 255],
    ])
    const { correct, extra, missed, confused, ignored } = ERROR_COLOURS
    const mistakes = drawMistakes(grid([0, 1, 1, 0, 1, 1], 6), grid([0, 1, 0, 1, 2, 255], 6), {
      width: 6,
      height: 1,
    })
    expect(areas(mistakes)).toEqual([
      [0, 0, 0, 0],
      ...[correct, extra, missed, confused, ignored].map(({ colour }) => [...colour, 255]),
    ])
  })

  it('take the nearest pixel of a larger mask', () => {
    const labels = areas(drawLabels(grid([1, 1, 2, 2, 1, 1, 2, 2]), { width: 2, height: 1 }))
    expect(labels).toEqual([
      [...classColour(0), 255],
      [...classColour(1), 255],
    ])
    expect(reducedSize({ width: 5000, height: 1 }, 160)).toEqual({ width: 160, height: 1 })
    expect(reducedSize({ width: 96, height: 64 }, 160)).toEqual({ width: 96, height: 64 })
  })
})
