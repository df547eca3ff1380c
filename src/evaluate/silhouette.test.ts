import { expect, test } from 'vitest'
import { silhouette } from './silhouette.ts'

test('the silhouette of two pairs, by hand', () => {
  // a = 1; b = (3 + 4) / 2 and (2 + 3) / 2: 1 - 1 / 3.5 and 1 - 1 / 2.5, the same on both sides
  expect(silhouette([[0], [1], [3], [4]], [0, 0, 1, 1])).toBeCloseTo((1 - 1 / 3.5 + 1 - 1 / 2.5) / 2, 12)
})

test('a point alone in its class counts as 0, mixed classes are negative', () => {
  const points = [
    [0, 0],
    [0, 1],
    [5, 5],
    [1, 0],
    [6, 5],
  ]
  expect(silhouette(points, [0, 0, 1, 0, 2])).toBeCloseTo((silhouetteOf(points) * 3) / 5, 12)
  expect(silhouette([[0], [1], [0], [1]], [0, 0, 1, 1])).toBeLessThan(0)
})

/** Mean over the three points of class 0 above, from its definition. */
function silhouetteOf(points: readonly (readonly number[])[]): number {
  const apart = (i: number, j: number): number =>
    Math.hypot(points[i]![0]! - points[j]![0]!, points[i]![1]! - points[j]![1]!)
  const own = [0, 1, 3]
  const values = own.map(i => {
    const a = own.reduce((sum, j) => sum + apart(i, j), 0) / 2
    const b = Math.min(apart(i, 2), apart(i, 4))
    return (b - a) / Math.max(a, b)
  })
  return values.reduce((sum, value) => sum + value, 0) / 3
}

test('one class has no silhouette', () => {
  expect(silhouette([[0], [1]], [3, 3])).toBeUndefined()
})
