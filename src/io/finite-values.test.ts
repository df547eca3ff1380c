import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { eachBlock } from './blocks.ts'
import { FinitePieces, holdsNumbers } from './finite-values.ts'
import { type DType, fromFloat32, fromFloat64, itemSize, toFloat64Array } from './tensor-data.ts'

const BITS = { float16: 16, bfloat16: 16, float32: 32, float64: 64 } as const

describe('holdsNumbers', () => {
  test.each(Object.keys(BITS) as (keyof typeof BITS)[])('%s, any bits at any alignment', dtype => {
    const size = itemSize(dtype)
    fc.assert(
      fc.property(
        fc.array(fc.bigInt({ min: 0n, max: 2n ** BigInt(BITS[dtype]) - 1n }), { maxLength: 40 }),
        fc.nat(3),
        (bits, shift) => {
          const all = new Uint8Array(size * (bits.length + shift))
          const data = all.subarray(size * shift)
          for (const [i, value] of bits.entries())
            for (let byte = 0; byte < size; byte++)
              data[i * size + byte] = Number((value >> BigInt(8 * byte)) & 255n)
          const tensor = { dtype, shape: [bits.length], data }
          expect(holdsNumbers(tensor)).toBe(toFloat64Array(tensor).every(Number.isFinite))
        },
      ),
      { numRuns: 500 },
    )
  })

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    '%s is found at the start, across blocks and at the end',
    bad => {
      for (const count of [1, 7, 16_384, 16_385, 40_001])
        for (const at of [0, 16_383, 16_384, count - 1]) {
          if (at >= count) continue
          const [short, long] = [new Float32Array(count).fill(-3e38), new Float64Array(count).fill(1e308)]
          expect([holdsNumbers(fromFloat32(short)), holdsNumbers(fromFloat64(long))]).toEqual([true, true])
          short[at] = bad
          long[at] = bad
          expect([holdsNumbers(fromFloat32(short)), holdsNumbers(fromFloat64(long))]).toEqual([false, false])
        }
    },
  )

  test('whole numbers are never refused', () => {
    for (const dtype of ['int64', 'int32', 'int16', 'int8', 'uint8', 'bool'] satisfies DType[])
      expect(holdsNumbers({ dtype, shape: [8], data: new Uint8Array(8 * itemSize(dtype)).fill(255) })).toBe(
        true,
      )
  })
})

test('blocks are the bytes in order, the words filled with zeros', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 200_000 }), length => {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 7) % 251)
      const seen: Buffer[] = []
      eachBlock(bytes, (block, words, count) => {
        seen.push(Buffer.from(block))
        expect(4 * count).toBeGreaterThanOrEqual(block.byteLength)
        const rest = new Uint8Array(words.buffer, 0, 4 * count).subarray(block.byteLength)
        expect(rest.every(byte => byte === 0)).toBe(true)
      })
      expect(Buffer.concat(seen).equals(Buffer.from(bytes))).toBe(true)
    }),
    { numRuns: 20 },
  )
})

test('pieces of unknown bytes are finite only where no value of theirs is otherwise', () => {
  const values = new Float32Array(1000).fill(1.5)
  values[700] = Number.NaN
  const bytes = new Uint8Array(values.buffer)
  const pieces = new FinitePieces('float32')
  for (let at = 0; at < bytes.byteLength; at += 1024) pieces.look(bytes.subarray(at, at + 1024), at)
  expect(pieces.hold('float32', 0, 2048)).toBe(true)
  expect(pieces.hold('float32', 2047, 2800)).toBe(false) // in the piece of the value
  expect(pieces.hold('float32', 3072, 4000)).toBe(true)
  expect(pieces.hold('float32', 3072, 4001)).toBe(false) // not seen
  expect(pieces.hold('float16', 0, 2048)).toBe(false)
})
