import fc from 'fast-check'
import { expect, test } from 'vitest'
import { randomStream, sampleRandom, shuffledIndices } from './random.ts'

const draw = (seed: number, epoch: number, index: number) => {
  const random = sampleRandom(seed, epoch, index)
  return Array.from({ length: 4 }, () => random.uniform(0, 1))
}

test('a stream is fixed by its key and differs for every other key', () => {
  const key = fc.tuple(fc.nat(), fc.nat(100), fc.nat(20_000))
  fc.assert(
    fc.property(key, key, (a, b) => {
      expect(draw(...a)).toEqual(draw(...a))
      if (a.join() !== b.join()) expect(draw(...a)).not.toEqual(draw(...b))
    }),
  )
})

test('the first draws of neighbouring samples are spread evenly and do not follow each other', () => {
  const values = Array.from({ length: 20_000 }, (_, index) => draw(0, 1, index)[0]!)
  const bins = new Array<number>(10).fill(0)
  for (const value of values) bins[Math.floor(value * 10)]!++
  for (const count of bins) expect(Math.abs(count - 2000)).toBeLessThan(200) // 4.7 standard deviations
  const mean = (list: number[]) => list.reduce((sum, value) => sum + value, 0) / list.length
  const correlation = mean(values.slice(1).map((value, i) => (value - 0.5) * (values[i]! - 0.5))) * 12
  expect(Math.abs(correlation)).toBeLessThan(0.03)
})

test('normal draws have the asked mean and deviation', () => {
  const random = randomStream(5)
  const values = Array.from({ length: 50_000 }, () => random.normal(9, 0.5))
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const std = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
  expect(Math.abs(mean - 9)).toBeLessThan(0.01)
  expect(Math.abs(std - 0.5)).toBeLessThan(0.01)
})

test('whole numbers include both ends, and a shuffle keeps every index', () => {
  const random = randomStream(6)
  expect(new Set(Array.from({ length: 200 }, () => random.integer(2, 5)))).toEqual(new Set([2, 3, 4, 5]))
  const order = shuffledIndices(1000, random)
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  expect([...order.subarray(0, 5)]).not.toEqual([0, 1, 2, 3, 4])
})
