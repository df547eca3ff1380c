/** @file Corrupted inputs, the same ones for the same seed. */
/** Whole numbers below a bound (mulberry32). */
export type Dice = (below: number) => number

export function dice(seed: number): Dice {
  let state = seed >>> 0
  return below => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Values that break readers: ends of ranges, brackets, quotes, separators, control characters. */
const TELLING = Buffer.from('\0\x01\x7f\x80\xff[]{}()"\',;:\n\r\t -&*?%#.', 'latin1')

/** A copy with one to six changes: bytes and words set, parts cut out, repeated, moved, the end missing. */
export function mutate(original: Uint8Array, roll: Dice): Buffer {
  let bytes = Buffer.from(original)
  for (let left = 1 + roll(6); left > 0 && bytes.length > 0; left--) {
    const at = roll(bytes.length)
    const length = 1 + roll(Math.min(64, bytes.length - at))
    switch (roll(9)) {
      case 0:
        bytes[at] = roll(256)
        break
      case 1:
        bytes[at]! ^= 1 << roll(8)
        break
      case 2:
        bytes[at] = TELLING[roll(TELLING.length)]!
        break
      case 3: // a count or an offset
        if (at + 4 <= bytes.length)
          bytes.writeUInt32LE([0, 1, 0x7fffffff, 0x80000000, 0xffffffff][roll(5)]!, at)
        break
      case 4:
        bytes = bytes.subarray(0, at)
        break
      case 5:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
        break
      case 6: {
        const part = bytes.subarray(at, at + length)
        const times = 1 + roll(20)
        bytes = Buffer.concat([bytes.subarray(0, at), ...Array<Buffer>(times).fill(part), bytes.subarray(at)])
        break
      }
      case 7:
        bytes.copy(bytes, roll(bytes.length), at, at + length)
        break
      default:
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          Buffer.from([TELLING[roll(TELLING.length)]!]),
          bytes.subarray(at),
        ])
    }
  }
  return bytes
}
