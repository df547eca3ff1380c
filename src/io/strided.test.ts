import fc from 'fast-check'
import { expect, test } from 'vitest'
import { gather, rowMajor } from './strided.ts'
import { elementCount } from './tensor-data.ts'

/** Element by element, straight from the definition of strides. */
function naive(
  words: readonly number[],
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): number[] {
  if (shape.length === 0) return [words[offset]!]
  const [extent = 0, ...inner] = shape
  const [step = 0, ...steps] = strides
  return Array.from({ length: extent }, (_, i) => naive(words, offset + i * step, inner, steps)).flat()
}

const anyView = fc.record({
  itemSize: fc.constantFrom(1, 2, 4, 8),
  offset: fc.nat(10),
  axes: fc.array(fc.tuple(fc.nat(4), fc.nat(12)), { maxLength: 4 }),
  shift: fc.nat(3),
})

test('any view equals its definition, or is refused exactly when it reaches outside', () => {
  const count = 60
  fc.assert(
    fc.property(anyView, ({ itemSize, offset, axes, shift }) => {
      const shape = axes.map(([extent]) => extent)
      const strides = axes.map(([, stride]) => stride)
      // the first byte of each element is its number; the bytes start unaligned
      const bytes = new Uint8Array(shift + count * itemSize).subarray(shift)
      for (let i = 0; i < count; i++) bytes[i * itemSize] = i
      const result = gather(bytes, { itemSize, offset, shape, strides })
      const last = axes.reduce((sum, [extent, stride]) => sum + (extent - 1) * stride, offset)
      if (elementCount(shape) > 0 && last >= count) {
        expect(result).toBeUndefined()
        return
      }
      expect(result!.byteOffset % itemSize).toBe(0)
      const numbers = Array.from({ length: count }, (_, i) => i)
      const expected = naive(numbers, offset, shape, strides)
      expect([...result!].filter((_, i) => i % itemSize === 0)).toEqual(expected)
    }),
    { numRuns: 500 },
  )
})

test('contiguous aligned elements are not copied', () => {
  const bytes = new Uint8Array(64)
  const result = gather(bytes, { itemSize: 4, offset: 4, shape: [3, 4], strides: rowMajor([3, 4]) })
  expect(result?.buffer).toBe(bytes.buffer)
  expect(result?.byteOffset).toBe(16)
})

test('what cannot be a view is refused', () => {
  const bytes = new Uint8Array(64)
  const view = { itemSize: 4, offset: 0, shape: [2], strides: [1] }
  expect(gather(bytes, { ...view, strides: [-1] })).toBeUndefined()
  expect(gather(bytes, { ...view, offset: 0.5 })).toBeUndefined()
  expect(gather(bytes, { ...view, strides: [] })).toBeUndefined()
  expect(gather(bytes, { ...view, shape: [2 ** 40], strides: [0] })).toBeUndefined()
})
