import { expect, it } from 'vitest'
import { brokenLimits, LIMITS, measureSizes } from '../scripts/sizes.ts'

it('files stay within the limits of size', () => {
  const sizes = measureSizes()
  expect(sizes.files.length).toBeGreaterThan(20)
  expect(brokenLimits(sizes)).toEqual([])
})

it('a limit that is exceeded is named', () => {
  expect(brokenLimits({ files: [], median: LIMITS.median + 1, p90: 1, max: 801 })).toEqual([
    'median is 151 lines, above 150',
    'max is 801 lines, above 800',
  ])
})
