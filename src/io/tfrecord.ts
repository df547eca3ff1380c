/** @file One record of a TFRecord file: its length, its bytes, and a checksum of each. Such a file is its records, one after another. */
import { crc32c } from './checksum.ts'

/** The bytes of the file for one record: uint64 length, checksum, data, checksum; little-endian. */
export function frameRecord(data: Uint8Array): Uint8Array {
  const framed = new Uint8Array(12 + data.length + 4)
  const view = new DataView(framed.buffer)
  view.setBigUint64(0, BigInt(data.length), true)
  view.setUint32(8, maskedChecksum(framed.subarray(0, 8)), true)
  framed.set(data, 12)
  view.setUint32(12 + data.length, maskedChecksum(data), true)
  return framed
}

/** Rotated and shifted, so that the checksum of bytes that hold checksums stays sound (record_writer.h). */
function maskedChecksum(bytes: Uint8Array): number {
  const sum = crc32c(bytes)
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0
}
