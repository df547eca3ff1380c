/** @file CRC-32 (ISO 3309), as zip archives and our own safetensors files carry it. */
import zlib from 'node:zlib'

/** zlib's own stops at 4 GiB. */
const CHUNK_BYTES = 256 * 1024 * 1024

/** The checksum of the bytes, going on from that of what came before them. No copy is made. */
export function crc32(bytes: Uint8Array, before = 0): number {
  let sum = before
  for (let from = 0; from < bytes.byteLength; from += CHUNK_BYTES)
    sum = crcOf(bytes.subarray(from, from + CHUNK_BYTES), sum)
  return sum
}

/** By table, a byte at a time: for Node before 20.15, which has none. 0.26 GB/s, where zlib's has 2.6. */
export function crc32ByTable(bytes: Uint8Array, before = 0): number {
  let sum = ~before
  for (let i = 0; i < bytes.length; i++) sum = TABLE[(sum ^ bytes[i]!) & 255]! ^ (sum >>> 8)
  return ~sum >>> 0
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1
  return value
})

const crcOf: typeof crc32ByTable = typeof zlib.crc32 === 'function' ? zlib.crc32 : crc32ByTable
