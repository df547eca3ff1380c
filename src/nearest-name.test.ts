import fc from 'fast-check'
import { expect, test } from 'vitest'
import { editDistance, nearestName } from './nearest-name.ts'

test('finds what was meant', () => {
  const names = ['epochs', 'batchSize', 'learningRate', 'seed']
  expect(nearestName('epoch', names)).toBe('epochs')
  expect(nearestName('batch_size', names)).toBe('batchSize')
  expect(nearestName('laerningRate', names)).toBe('learningRate')
  expect(nearestName('EPOCHS', names)).toBe('epochs')
})

test('stays silent when nothing is near', () => {
  expect(nearestName('colour', ['epochs', 'seed'])).toBeUndefined()
  expect(nearestName('x', [])).toBeUndefined()
})

test('the edit distance is a symmetric distance', () => {
  const word = fc.string({ maxLength: 8 })
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b)
      expect(distance).toBe(editDistance(b, a))
      expect(distance === 0).toBe(a === b)
      expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length))
      expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length))
    }),
  )
})

test('a name of any length is compared at once', () => {
  const candidates = Array.from({ length: 500 }, (_, i) => `class ${i}`)
  const before = process.cpuUsage()
  expect(nearestName('x'.repeat(500_000), candidates)).toBeUndefined()
  expect(nearestName('epoch', ['e'.repeat(500_000), 'epochs'])).toBe('epochs')
  const { user, system } = process.cpuUsage(before)
  expect(user + system).toBeLessThan(500_000) // microseconds
})
