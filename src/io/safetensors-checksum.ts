/**
 * @file The checksum in our own safetensors files: metadata `tagmask.crc32`, the CRC-32 of the whole file in eight
 * hexadecimal digits, computed with zeros in their place. It is always written, removed on reading, and absent from others'
 * files.
 */
import { InputError } from '../errors.ts'
import { crc32 } from './checksum.ts'

/** Also the field of the error for a file that is damaged. */
export const CHECKSUM_KEY = 'tagmask.crc32'
const KEY = CHECKSUM_KEY
const BLANK = '00000000'

/** The metadata to write before the checksum is known. */
export const BLANK_CHECKSUM: Readonly<Record<string, string>> = { [KEY]: BLANK }

export interface Checksum {
  /** Throws InputError unless the checksum fits these bytes after the header. */
  readonly check: (path: string, data: Iterable<Uint8Array>) => void
}

/** Writes the checksum of all parts into the first, a header with a blank one. */
export function fillChecksum(header: Buffer, parts: Iterable<Uint8Array>): void {
  header.write(hexadecimal(sumOf(parts)), placeOf(header, BLANK), 'latin1')
}

/** The metadata without the checksum, and the checksum where there is one. `header`: the file up to its first tensor. */
export function takeChecksum(
  header: Buffer,
  { [KEY]: written, ...metadata }: Readonly<Record<string, string>>,
): { metadata: Record<string, string>; checksum: Checksum | undefined } {
  if (written === undefined) return { metadata, checksum: undefined }
  const check = (path: string, data: Iterable<Uint8Array>) => {
    const blank = Buffer.from(header)
    const at = written.length === BLANK.length ? placeOf(blank, written) : -1
    if (at >= 0) blank.write(BLANK, at, 'latin1')
    if (hexadecimal(sumOf(data, crc32(blank))) === written) return
    throw new InputError(path, 'is damaged: what it holds does not fit its checksum', {
      field: KEY,
      expected: 'copy it again, or delete it and make it anew',
    })
  }
  return { metadata, checksum: { check } }
}

function sumOf(parts: Iterable<Uint8Array>, before = 0): number {
  let sum = before
  for (const part of parts) sum = crc32(part, sum)
  return sum
}

function hexadecimal(sum: number): string {
  return sum.toString(16).padStart(BLANK.length, '0')
}

/** Offset of the digits in a header as we write it, or -1. */
function placeOf(header: Buffer, digits: string): number {
  const before = `"${KEY}":"`
  const at = header.indexOf(`${before}${digits}"`)
  return at < 0 ? -1 : at + before.length
}
