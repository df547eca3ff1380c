import fc from 'fast-check'
import { expect, test } from 'vitest'
import { median, medianRatio } from '../../bench/statistics.ts'

test('the median is the middle value, or the mean of the two in the middle', () => {
  expect(median([3])).toBe(3)
  expect(median([9, 1, 5])).toBe(5)
  expect(median([10, 9, 1, 5])).toBe(7)
  expect(() => median([])).toThrow(new RangeError('no values have no median'))
})

test('half of the values are at most the median, half at least, and their order does not count', () => {
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 1 }), values => {
      const middle = median(values)
      expect(values.filter(value => value <= middle).length).toBeGreaterThanOrEqual(values.length / 2)
      expect(values.filter(value => value >= middle).length).toBeGreaterThanOrEqual(values.length / 2)
      expect(median(values.toReversed())).toBe(middle)
    }),
  )
})

test('ratios are of each round, so that a machine that slows down between rounds does not count', () => {
  expect(medianRatio([2, 20, 200], [1, 10, 100])).toBe(2)
  expect(medianRatio([4, 30, 5], [1, 10, 5])).toBe(3)
})
