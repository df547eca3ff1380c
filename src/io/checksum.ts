/** @file CRC-32 (ISO 3309), as zip archives and our own safetensors files carry it, and CRC-32C (RFC 3720), of TFRecord files. */
import zlib from 'node:zlib'
import { BLOCK_BYTES, eachBlock } from './blocks.ts'

/** The checksum of the bytes, going on from that of what came before them. */
export function crc32(bytes: Uint8Array, before = 0): number {
  if (bytes.byteLength === 0) return before // zlib begins anew where there is nothing
  if (bytes.byteLength <= BLOCK_BYTES) return crcOf(bytes, before)
  let sum = before
  eachBlock(bytes, block => {
    sum = crcOf(block, sum)
  })
  return sum
}

/** By table, a byte at a time: for Node before 20.15, which has none. 0.26 GB/s, where zlib's has 2.6. */
export function crc32ByTable(bytes: Uint8Array, before = 0): number {
  return sumByTable(bytes, ISO, before)
}

/** By table: few and short records carry it. */
export function crc32c(bytes: Uint8Array): number {
  return sumByTable(bytes, CASTAGNOLI, 0)
}

function sumByTable(bytes: Uint8Array, table: Uint32Array, before: number): number {
  let sum = ~before
  for (let i = 0; i < bytes.length; i++) sum = table[(sum ^ bytes[i]!) & 255]! ^ (sum >>> 8)
  return ~sum >>> 0
}

/** Of a reversed polynomial. */
function tableOf(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? polynomial ^ (value >>> 1) : value >>> 1
    return value
  })
}

const ISO = tableOf(0xedb88320)
const CASTAGNOLI = tableOf(0x82f63b78)

const crcOf: typeof crc32ByTable = typeof zlib.crc32 === 'function' ? zlib.crc32 : crc32ByTable
