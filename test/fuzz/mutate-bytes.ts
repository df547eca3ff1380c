/** @file Corrupted copies of binary files. */
import { type Dice, pick } from './dice.ts'

/** Values that break readers: ends of ranges, brackets, quotes, separators, control characters. */
const TELLING = Buffer.from('\0\x01\x7f\x80\xff[]{}()"\',;:\n\r\t -&*?%#.', 'latin1')

/** Ends of ranges of integers, signed, unsigned and exact in a double. */
const INTEGERS = [7n, 8n, 15n, 16n, 24n, 31n, 32n, 40n, 53n, 63n, 64n]
  .flatMap(bits => [2n ** bits - 1n, 2n ** bits])
  .concat(0n, 1n, -1n, -2n, 1000n, 10n ** 12n)

/** Numbers as text. */
export const DIGITS = [
  '0',
  '-1',
  '1',
  '255',
  '65536',
  '2147483648',
  '4294967296',
  '9007199254740993',
  '1e999',
]

const MOST_BYTES = 300_000 // larger ones cost time and show no more

type Change = (bytes: Buffer, roll: Dice, seeds: readonly Uint8Array[]) => Buffer

/** A part at random: at most `most` bytes, at least one. */
function partOf(bytes: Buffer, roll: Dice, most = 64): { at: number; end: number } {
  const at = roll(bytes.length)
  return { at, end: at + 1 + roll(Math.min(most, bytes.length - at)) }
}

const setInteger = (value: (before: bigint, roll: Dice) => bigint): Change => {
  return (bytes, roll) => {
    const size = pick([1, 2, 4, 8], roll)
    if (bytes.length < size) return bytes
    const at = roll(bytes.length - size + 1)
    const word = bytes.subarray(at, at + size)
    const isBigEndian = roll(2) === 0
    if (!isBigEndian) word.reverse()
    const changed = BigInt.asUintN(8 * size, value(BigInt(`0x${word.toString('hex')}`), roll))
    word.write(changed.toString(16).padStart(2 * size, '0'), 'hex')
    if (!isBigEndian) word.reverse()
    return bytes
  }
}

const CHANGES: readonly Change[] = [
  (bytes, roll) => {
    bytes[roll(bytes.length)] = roll(256)
    return bytes
  },
  (bytes, roll) => {
    bytes[roll(bytes.length)]! ^= 1 << roll(8)
    return bytes
  },
  (bytes, roll) => {
    bytes[roll(bytes.length)] = pick([...TELLING], roll)
    return bytes
  },
  setInteger((_, roll) => pick(INTEGERS, roll)),
  setInteger((before, roll) => before * pick([2n, 3n, 10n, 256n, 1024n, 2n ** 20n, 2n ** 32n], roll)),
  setInteger((before, roll) => before + BigInt(roll(33) - 16)),
  function number(bytes, roll) {
    const runs = [...bytes.toString('latin1').matchAll(/\d+/g)]
    if (runs.length === 0) return bytes
    const { index, 0: digits } = pick(runs, roll)
    const other = roll(3) === 0 ? `${digits}${'0'.repeat(1 + roll(12))}` : pick(DIGITS, roll)
    return joined(bytes.subarray(0, index), other, bytes.subarray(index + digits.length))
  },
  function fill(bytes, roll) {
    const { at, end } = partOf(bytes, roll)
    return bytes.fill(pick([...TELLING], roll), at, end)
  },
  function cut(bytes, roll) {
    return bytes.subarray(0, roll(bytes.length))
  },
  function extend(bytes, roll) {
    const tail = Buffer.alloc(1 + roll(roll(8) === 0 ? 65_536 : 64), roll(2) * roll(256))
    return joined(bytes, tail)
  },
  function remove(bytes, roll) {
    const { at, end } = partOf(bytes, roll)
    return joined(bytes.subarray(0, at), bytes.subarray(end))
  },
  function insert(bytes, roll) {
    const at = roll(bytes.length + 1)
    return joined(bytes.subarray(0, at), Buffer.of(pick([...TELLING], roll)), bytes.subarray(at))
  },
  function repeat(bytes, roll) {
    const { at, end } = partOf(bytes, roll, 1024)
    const times = roll(50) === 0 ? 2000 : 1 + roll(20)
    const copies = Array<Buffer>(times).fill(bytes.subarray(at, end))
    return joined(bytes.subarray(0, at), ...copies, bytes.subarray(at))
  },
  function overwrite(bytes, roll) {
    const { at, end } = partOf(bytes, roll)
    bytes.copy(bytes, roll(bytes.length), at, end)
    return bytes
  },
  function reorder(bytes, roll) {
    const [a, b, c] = [roll(bytes.length), roll(bytes.length), roll(bytes.length)].sort((x, y) => x - y)
    return joined(bytes.subarray(0, a), bytes.subarray(b, c), bytes.subarray(a, b), bytes.subarray(c))
  },
  function splice(bytes, roll, seeds) {
    const other = pick(seeds, roll)
    return joined(bytes.subarray(0, roll(bytes.length)), other.subarray(roll(other.length)))
  },
]

/** A copy of one of the seeds with one to six changes. */
export function mutateBytes(seeds: readonly Uint8Array[], roll: Dice): Buffer {
  return changed(Buffer.from(pick(seeds, roll)), seeds, roll)
}

/** The bytes with one to six changes, most often few; they may be overwritten. */
export function changed(original: Buffer, seeds: readonly Uint8Array[], roll: Dice): Buffer {
  let bytes = original
  for (let left = 1 + roll(1 + roll(6)); left > 0 && bytes.length > 0; left--)
    bytes = pick(CHANGES, roll)(bytes, roll, seeds).subarray(0, MOST_BYTES)
  return bytes
}

function joined(...parts: (Uint8Array | string)[]): Buffer {
  return Buffer.concat(parts.map(part => (typeof part === 'string' ? Buffer.from(part) : part)))
}
