import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UNSURE } from '../io/label-values.ts'
import { scope, tensor } from '../torch/index.ts'
import { sureBatchLabels } from './sure-batch-labels.ts'
import { sureLabels } from './sure-labels.ts'

/** Maps of one image, a row of pixels. */
function row(maps: Record<number, number[]>) {
  const entries = Object.entries(maps).map(
    ([key, values]) => [Number(key), Float32Array.from(values)] as const,
  )
  return { width: entries[0]![1].length, height: 1, maps: new Map(entries) }
}

describe('sure labels', () => {
  test('of one class take the shares asked for, whatever the heights of the map', () => {
    const shares = fc.record({
      foreground: fc.double({ min: 0.05, max: 0.4, noNaN: true }),
      background: fc.double({ min: 0.05, max: 0.5, noNaN: true }),
      top: fc.double({ min: 0.1, max: 1, noNaN: true }),
    })
    fc.assert(
      fc.property(shares, ({ foreground, background, top }) => {
        const values = Array.from({ length: 1000 }, (_, i) => ((i * 7919) % 1000) / 1000) // all values, shuffled
        const sample = row({ 2: values.map(value => value * top) })
        const { data } = sureLabels(sample, { foreground, background, margin: 1 })
        const share = (label: number): number => data.filter(found => found === label).length / data.length
        expect(Math.abs(share(3) - foreground)).toBeLessThan(0.005)
        expect(Math.abs(share(0) - background)).toBeLessThan(0.005)
        expect(Math.abs(share(UNSURE) - (1 - foreground - background))).toBeLessThan(0.01)
      }),
    )
  })

  test('classes are compared by their shares, and a close second leaves a pixel open', () => {
    const sample = row({ 0: [0.9, 0.8, 0.1, 0.1, 0.1], 1: [0.05, 0.19, 0.2, 0.01, 0.01] })
    const options = { foreground: 0.2, background: 0.3 } // shares of class 0 begin at 0.9, of class 1 at 0.2
    expect([...sureLabels(sample, { ...options, margin: 1.5 }).data]).toEqual([1, UNSURE, 2, 0, 0])
    const close = row({ 0: [0.9, 0.8, 0.1, 0.1, 0.1], 1: [0.19, 0.1, 0.1, 0.2, 0.01] })
    expect(sureLabels(close, { ...options, margin: 1.5 }).data[0]).toBe(UNSURE) // 1 and 0.95
    expect(sureLabels(close, { ...options, margin: 1 }).data[0]).toBe(1)
  })

  test('are those that a U-Net learns from in a batch', () => {
    const value = fc.double({ min: 0.01, max: 1, noNaN: true })
    const maps = fc.array(fc.array(value, { minLength: 36, maxLength: 36 }), { minLength: 3, maxLength: 3 })
    fc.assert(
      fc.property(maps, ([a, b, absent]) =>
        scope(() => {
          const options = { foreground: 0.15, background: 0.4, margin: 1.5 }
          const batch = tensor([...a!, ...b!, ...absent!], [1, 3, 6, 6])
          const labels = sureBatchLabels(batch, { tags: tensor([1, 1, 0], [1, 3]), size: [6, 6], ...options })
          const own = sureLabels(row({ 0: a!, 1: b! }), options)
          expect([...labels.to({ dtype: 'float32' }).toFloat32Array()]).toEqual([...own.data])
        }),
      ),
    )
  })

  test('a map of nothing makes no label, a single pixel one', () => {
    const options = { foreground: 0.1, background: 0.5, margin: 1 }
    expect([...sureLabels(row({ 0: [0, 0, 0] }), options).data]).toEqual([0, 0, 0])
    expect([...sureLabels(row({ 0: [1] }), options).data]).toEqual([1])
  })
})
