import { expect, test } from 'vitest'
import { headWeightMeter } from './head-weights.ts'

test('mean and deviation of each head, by head and layer', () => {
  const meter = headWeightMeter({ heads: 2, depth: 3 })
  expect(meter.take()).toBeUndefined()
  meter.add(Float32Array.of(0, 1, 2, 3, 4, 5))
  meter.add(Float32Array.of(0, 1, 2, 3, 4, 9, 0, 1, 2, 3, 4, 13)) // two views at once
  expect(meter.take()).toEqual({
    views: 3,
    mean: [
      [0, 1, 2],
      [3, 4, 9],
    ],
    deviation: [
      [0, 0, 0],
      [0, 0, Math.sqrt(32 / 3)],
    ].map(row => row.map(value => expect.closeTo(value, 6))),
  })
  expect(meter.take()).toBeUndefined()
})
