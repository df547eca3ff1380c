import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UNSURE } from '../io/label-values.ts'
import { countMaps, createMapCounts, sureLabels, sureLevels } from './sure-labels.ts'

/** Maps of one picture, a row of pixels. */
function row(maps: Record<number, number[]>): {
  width: number
  height: number
  maps: Map<number, Float32Array>
} {
  const entries = Object.entries(maps).map(
    ([key, values]) => [Number(key), Float32Array.from(values)] as const,
  )
  return { width: entries[0]![1].length, height: 1, maps: new Map(entries) }
}

describe('levels', () => {
  test('leave the shares asked for above and below, class by class', () => {
    const shares = fc.record({
      foreground: fc.double({ min: 0.05, max: 0.4, noNaN: true }),
      background: fc.double({ min: 0.05, max: 0.5, noNaN: true }),
      top: fc.double({ min: 0.1, max: 1, noNaN: true }),
    })
    fc.assert(
      fc.property(shares, ({ foreground, background, top }) => {
        const values = Float32Array.from({ length: 5000 }, (_, i) => (i / 5000) * top)
        const counts = createMapCounts(2)
        countMaps(counts, new Map([[1, values]]))
        const { high, low } = sureLevels(counts, { foreground, background })
        const above = values.filter(value => value >= high[1]!).length / values.length
        const below = values.filter(value => value <= low[1]!).length / values.length
        expect(Math.abs(above - foreground)).toBeLessThan(0.005)
        expect(Math.abs(below - background)).toBeLessThan(0.005)
      }),
    )
  })

  test('a class without maps, and maps of zeros, make no label', () => {
    const counts = createMapCounts(2)
    const picture = row({ 0: [0, 0, 0] })
    countMaps(counts, picture.maps)
    const levels = sureLevels(counts, { foreground: 0.1, background: 0.5 })
    expect([...levels.high].every(level => level > 0)).toBe(true)
    expect([...sureLabels(picture, levels, { margin: 1 }).data]).toEqual([0, 0, 0])
  })
})

describe('labels', () => {
  const levels = { high: Float64Array.of(0.8, 0.2), low: Float64Array.of(0.3, 0.1) }

  test('of a class from its own level on, background below all, else not known', () => {
    const picture = row({ 0: [0.9, 0.5, 0.2, 0.2], 1: [0.05, 0.05, 0.05, 0.15] })
    expect([...sureLabels(picture, levels, { margin: 1 }).data]).toEqual([1, UNSURE, 0, UNSURE])
  })

  test('classes are compared by their levels, and a close second leaves a pixel open', () => {
    const picture = row({ 0: [0.9, 0.9], 1: [0.5, 0.2] }) // strengths 1.1 and 2.5, 1.1 and 1
    expect([...sureLabels(picture, levels, { margin: 2 }).data]).toEqual([2, UNSURE])
    expect([...sureLabels(picture, levels, { margin: 1 }).data]).toEqual([2, 1])
  })
})
