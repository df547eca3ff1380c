import fc from 'fast-check'
import { expect, test } from 'vitest'
import { crc32, crc32ByTable, crc32c } from './checksum.ts'

test('the check value of the standard, whole and in parts, by zlib and by table', () => {
  const bytes = Buffer.from('123456789')
  for (const sum of [crc32, crc32ByTable]) {
    expect(sum(bytes)).toBe(0xcbf43926)
    expect(sum(bytes.subarray(4), sum(bytes.subarray(0, 4)))).toBe(0xcbf43926)
    expect(sum(Buffer.alloc(0))).toBe(0)
  }
})

test('both agree on any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.nat(0xffffffff), (bytes, before) => {
      expect(crc32ByTable(bytes, before)).toBe(crc32(bytes, before))
    }),
  )
})

test('CRC-32C: the check value of the standard, and the definition, a bit at a time, on any bytes', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
  fc.assert(
    fc.property(fc.uint8Array(), bytes => {
      let sum = 0xffffffff
      for (const byte of bytes)
        for (let bit = 0; bit < 8; bit++) {
          const odd = ((sum ^ (byte >>> bit)) & 1) === 1
          sum = odd ? (sum >>> 1) ^ 0x82f63b78 : sum >>> 1
        }
      expect(crc32c(bytes)).toBe(~sum >>> 0)
    }),
  )
})
