import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type DType,
  elementCount,
  fromFloat32,
  fromFloat64,
  fromInt32,
  fromInt64,
  fromUint8,
  toFloat32Array,
  toFloat64Array,
} from './tensor-data.ts'

const words = (dtype: DType, values: readonly number[]) => {
  const data = new Uint8Array(Uint16Array.from(values).buffer)
  return { dtype, shape: [values.length], data }
}

test('half precision: normal, subnormal, infinite, not a number, both zeros', () => {
  const bits = [0x3c00, 0xc000, 0x0001, 0x03ff, 0x0400, 0x7bff, 0x7c00, 0xfc00, 0x7e00, 0x0000, 0x8000]
  const { POSITIVE_INFINITY: inf, NaN: nan } = Number
  const values = [1, -2, 2 ** -24, 1023 * 2 ** -24, 2 ** -14, 65504, inf, -inf, nan, 0, -0]
  expect([...toFloat32Array(words('float16', bits))]).toEqual(values)
})

test('bfloat16 is the upper half of float32', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(0xffff)), bits => {
      const floats = Float32Array.from(new Float32Array(Uint32Array.from(bits, b => b << 16).buffer))
      expect(toFloat32Array(words('bfloat16', bits))).toEqual(floats)
    }),
  )
})

test('integers and bools become numbers', () => {
  expect([...toFloat64Array(fromInt64(BigInt64Array.of(-5n, 2n ** 40n)))]).toEqual([-5, 2 ** 40])
  expect([...toFloat32Array(fromInt32(Int32Array.of(-7, 7)))]).toEqual([-7, 7])
  expect([...toFloat32Array(fromUint8(Uint8Array.of(0, 255)))]).toEqual([0, 255])
  expect([...toFloat32Array({ dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) })]).toEqual([1, 0])
  expect([...toFloat32Array({ dtype: 'int8', shape: [1], data: Uint8Array.of(0xff) })]).toEqual([-1])
  expect([...toFloat32Array({ dtype: 'int16', shape: [1], data: Uint8Array.of(0xfe, 0xff) })]).toEqual([-2])
  expect([...toFloat32Array(fromFloat64(Float64Array.of(0.5)))]).toEqual([0.5])
})

test('aligned float32 is viewed, unaligned is copied, and both read the same', () => {
  const values = Float32Array.of(1.5, -2.5, 3.25)
  const tensor = fromFloat32(values, [3, 1])
  expect(toFloat32Array(tensor).buffer).toBe(values.buffer)
  const shifted = new Uint8Array(13)
  shifted.set(tensor.data, 1)
  expect([...toFloat32Array({ ...tensor, data: shifted.subarray(1) })]).toEqual([...values])
})

test('shapes count their elements and must fit', () => {
  expect(elementCount([])).toBe(1)
  expect(elementCount([2, 0, 3])).toBe(0)
  expect(() => fromFloat32(new Float32Array(3), [2, 2])).toThrow(RangeError)
})
