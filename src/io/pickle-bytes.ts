/** @file A reader of the bytes of a pickle. */
import { PickleError } from './pickle-value.ts'

export class PickleBytes {
  /** Offset of the next byte. */
  position: number
  readonly #bytes: Buffer

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.position = start
  }

  /** A view of the next bytes. Throws PickleError when there are fewer. */
  take(length: number): Buffer {
    const end = this.position + length
    if (end > this.#bytes.length) throw new PickleError('is cut off in the middle of its pickle')
    const bytes = this.#bytes.subarray(this.position, end)
    this.position = end
    return bytes
  }

  uint(bytes: 1 | 2 | 4): number {
    return this.take(bytes).readUIntLE(0, bytes)
  }

  uint64(): number {
    return Number(this.take(8).readBigUInt64LE())
  }

  /** Text up to the next line feed, which is consumed too. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.position)
    if (end < 0) throw new PickleError('is cut off in the middle of its pickle')
    return this.take(end + 1 - this.position)
      .toString('utf8')
      .slice(0, -1)
  }
}
