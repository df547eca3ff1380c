/** @file Bytes of a text file to text: UTF-8, UTF-16, and Windows-1252 (Excel's default). Imports errors only. */
import { InputError } from '../errors.ts'

/** `encoding` is its name in messages; undefined for UTF-8. */
export interface DecodedText {
  readonly text: string
  readonly encoding: string | undefined
}

/** Without byte order mark. Throws InputError for a workbook, a zip archive, damaged UTF-16 and other bytes that are no text. */
export function decodeText(bytes: Uint8Array, file: string): DecodedText {
  const utf16 = utf16Of(bytes)
  const decoded: DecodedText =
    utf16 === undefined ? utf8OrLatin(bytes) : { text: fromUtf16(bytes, utf16, file), encoding: 'UTF-16' }
  if (!decoded.text.includes('\0')) return decoded
  const workbook = startsWith(bytes, 0x50, 0x4b) || startsWith(bytes, 0xd0, 0xcf, 0x11, 0xe0)
  throw new InputError(file, workbook ? 'is a workbook or an archive, not text' : 'is not text', {
    expected: workbook ? 'save it as CSV in the spreadsheet' : 'save it as text in UTF-8',
  })
}

function utf8OrLatin(bytes: Uint8Array): DecodedText {
  try {
    return { text: decode(bytes, 'utf-8'), encoding: undefined }
  } catch {
    return { text: fromWindows(bytes), encoding: 'Windows-1252 (Latin-1)' }
  }
}

function fromUtf16(bytes: Uint8Array, encoding: string, file: string): string {
  try {
    return decode(bytes, encoding)
  } catch (cause) {
    throw new InputError(file, 'is UTF-16 and damaged, or cut short', {
      expected: 'save it again as text in UTF-8',
      cause,
    })
  }
}

const WINDOWS = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ'

/** Node's TextDecoder reads Latin-1 instead, with control characters for Windows' quotes, dashes and letters. */
function fromWindows(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replace(/[\u0080-\u009f]/g, control => WINDOWS[control.charCodeAt(0) - 0x80]!)
}

/** By its byte order mark, or by the zero bytes of ASCII letters. */
function utf16Of(bytes: Uint8Array): 'utf-16le' | 'utf-16be' | undefined {
  if (startsWith(bytes, 0xff, 0xfe)) return 'utf-16le'
  if (startsWith(bytes, 0xfe, 0xff)) return 'utf-16be'
  const head = bytes.subarray(0, 512)
  if (head.length < 4 || bytes.length % 2 !== 0) return undefined
  const zeros = [0, 0]
  for (const [at, byte] of head.entries()) if (byte === 0) zeros[at % 2]!++
  const half = head.length / 2
  if (zeros[1]! > 0.7 * half && zeros[0] === 0) return 'utf-16le'
  return zeros[0]! > 0.7 * half && zeros[1] === 0 ? 'utf-16be' : undefined
}

function decode(bytes: Uint8Array, encoding: string): string {
  return new TextDecoder(encoding, { fatal: true }).decode(bytes)
}

function startsWith(bytes: Uint8Array, ...values: readonly number[]): boolean {
  return values.every((value, i) => bytes[i] === value)
}
