/** @file Literals in pickles: numbers and the quoted texts of protocol 0. */
import { PickleError, type PickleValue } from './pickle-value.ts'

/** Longest Python int read, in bytes: parsing grows with the square of it. */
const MAX_INT_BYTES = 1024

/** An INT or LONG line: `-12`, or `00` and `01` for a bool. */
export function parseLine(line: string): PickleValue {
  if (line === '00' || line === '01') return line === '01'
  if (!/^[+-]?\d{1,300}$/.test(line)) throw new PickleError('is damaged: a whole number is not one')
  return narrow(BigInt(line))
}

/** Little-endian two's complement. */
export function parseInteger(bytes: Uint8Array): number | bigint {
  if (bytes.length > MAX_INT_BYTES) throw new PickleError(`holds a whole number of ${bytes.length} bytes`)
  const hex = Buffer.from(bytes).reverse().toString('hex')
  return narrow(BigInt.asIntN(bytes.length * 8, BigInt(hex === '' ? 0 : `0x${hex}`)))
}

function narrow(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** Python's repr of a str, protocol 0: `'it\\'s'`. Throws PickleError when the quotes are missing. */
export function parseQuoted(line: string): string {
  const quote = line[0]
  if (line.length < 2 || (quote !== "'" && quote !== '"') || !line.endsWith(quote))
    throw new PickleError('is damaged: a text without its quotes')
  return parseEscaped(line.slice(1, -1))
}

/** Text with backslash escapes. */
export function parseEscaped(text: string): string {
  return text.replaceAll(
    /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|([ntr\\'"]))/g,
    (_, byte?: string, unit?: string, letter = '') =>
      ESCAPED[letter] ??
      (letter === '' ? String.fromCharCode(Number.parseInt(byte ?? unit ?? '', 16)) : letter),
  )
}

const ESCAPED: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' }
