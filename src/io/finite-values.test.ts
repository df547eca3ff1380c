import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { eachBlock, holdsNumbers } from './finite-values.ts'
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
