import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addBestScores, camThreshold, createScoreHistogram } from './cam-threshold.ts'

/** The threshold for images of one class, each a list of scores. */
function thresholdOf(...images: readonly (readonly number[])[]): number | undefined {
  const histogram = createScoreHistogram()
  for (const scores of images)
    addBestScores(histogram, {
      width: scores.length,
      height: 1,
      maps: new Map([[0, Float32Array.from(scores)]]),
    })
  return camThreshold(histogram)
}

const part = (share: number, inside: number, outside: number): number[] =>
  Array.from({ length: 100 }, (_, i) => (i < share ? inside : outside))

describe('a threshold from CAMs alone', () => {
  it.each([10, 30, 50, 80])('separates two levels, %i %% of the pixels being bright', share => {
    const threshold = thresholdOf(part(share, 0.8, 0.3))!
    expect(threshold).toBeGreaterThan(0.25)
    expect(threshold).toBeLessThan(0.8)
  })

  it('is low where a few bright pixels are the tips of objects in a dark ground', () => {
    const tips = Array.from({ length: 200 }, (_, i) => Math.exp(-i / 12)) // most of the mass below 0.3
    expect(thresholdOf(tips)!).toBeLessThan(0.1)
    const plateaus = Array.from({ length: 200 }, (_, i) =>
      i < 90 ? 0.7 + (i % 10) / 40 : 0.1 + (i % 10) / 50,
    )
    expect(thresholdOf(plateaus)!).toBeGreaterThan(0.35)
  })

  it('takes the best class of a pixel, and every image the same, whatever its size', () => {
    const histogram = createScoreHistogram()
    addBestScores(histogram, {
      width: 2,
      height: 1,
      maps: new Map([
        [0, Float32Array.of(0.1, 0.9)],
        [3, Float32Array.of(0.8, 0.2)],
      ]),
    })
    expect([...histogram.bins.entries()].filter(([, share]) => share > 0)).toEqual([
      [204, 0.5],
      [230, 0.5],
    ])
    const small = part(50, 0.8, 0.3)
    const large = Array.from({ length: 10 }, () => part(20, 0.9, 0.1)).flat()
    expect(thresholdOf(small, large)).toBe(thresholdOf(small, part(20, 0.9, 0.1)))
  })

  it('of nothing there is none, and of CAMs without a score it is 0', () => {
    expect(camThreshold(createScoreHistogram())).toBeUndefined()
    expect(thresholdOf(part(50, 0, 0))).toBe(0)
  })

  it('is in [0, 1] and leaves something above it where scores differ', () => {
    const score = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(fc.array(score, { minLength: 2, maxLength: 50 }), scores => {
        const threshold = thresholdOf(scores)!
        expect(threshold).toBeGreaterThanOrEqual(0)
        expect(threshold).toBeLessThanOrEqual(1)
        if (Math.max(...scores) - Math.min(...scores) > 0.05)
          expect(threshold).toBeLessThan(Math.max(...scores))
      }),
    )
  })
})
