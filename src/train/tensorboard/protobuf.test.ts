import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readMessage } from '../../../test/read-events.ts'
import { bytes, double, float, integer, joined, message, text } from './protobuf.ts'

const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex')

test("the bytes that protobuf itself makes of TensorBoard's messages (protobuf 7.36.2)", () => {
  const value = message(1, [text(1, 'loss/total'), float(2, 0.5)])
  expect(hex(joined([double(1, 1.5), integer(2, 3_000_000_000), message(5, [value])]))).toBe(
    '09000000000000f83f1080bcc1960b2a130a110a0a6c6f73732f746f74616c150000003f',
  )
  expect(hex(joined([double(1, 1.5), integer(2, 200), message(7, [integer(1, 1)])]))).toBe(
    '09000000000000f83f10c8013a020801',
  )
})

test('any values are read back', () => {
  const field = fc.integer({ min: 1, max: 3000 })
  fc.assert(
    fc.property(
      field,
      fc.nat(Number.MAX_SAFE_INTEGER),
      fc.double(),
      fc.string({ unit: 'grapheme' }),
      fc.uint8Array({ maxLength: 300 }),
      (number, whole, real, name, data) => {
        const first = (field: Uint8Array) => readMessage(Buffer.from(field)).get(number)?.[0]
        const buffer = (field: Uint8Array) => first(field) as Buffer
        expect(first(integer(number, whole))).toBe(BigInt(whole))
        expect(buffer(double(number, real)).readDoubleLE()).toBe(real)
        expect(buffer(float(number, real)).readFloatLE()).toBe(Math.fround(real))
        expect(buffer(text(number, name)).toString()).toBe(name)
        expect(buffer(bytes(number, data))).toEqual(Buffer.from(data))
        const inner = [integer(1, whole), text(2, name)]
        expect(buffer(message(number, inner))).toEqual(Buffer.from(joined(inner)))
      },
    ),
  )
})
