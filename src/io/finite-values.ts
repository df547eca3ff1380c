/**
 * @file Whether values are NaN or infinite, by integers: in those all bits of the exponent are set, so that adding its lowest
 * bit carries into the sign. Pure.
 */
import { eachBlock } from './blocks.ts'
import { type DType, itemSize, type TensorData } from './tensor-data.ts'

/** For an int32 word (two values of 16 bits, one of 32, half of one of 64): adding `low` to the bits of `mask` sets one of `carry`. */
interface Exponent {
  readonly mask: number
  readonly low: number
  readonly carry: number
}

const EXPONENTS: Partial<Readonly<Record<DType, Exponent>>> = {
  float16: { mask: 0x7fff7fff, low: 0x04000400, carry: 0x80008000 | 0 },
  bfloat16: { mask: 0x7fff7fff, low: 0x00800080, carry: 0x80008000 | 0 },
  float32: { mask: 0x7fffffff, low: 0x00800000, carry: 0x80000000 | 0 },
  float64: { mask: 0x7fffffff, low: 0x00100000, carry: 0x80000000 | 0 }, // of the upper word, the second
}

/** Sees the values of a dtype in blocks; false once one is NaN or infinite, undefined for whole numbers. */
export function finiteCheck(dtype: DType): ((words: Int32Array, count: number) => boolean) | undefined {
  const exponent = EXPONENTS[dtype]
  if (exponent === undefined) return undefined
  const carryOf = itemSize(dtype) === 8 ? carryOfUpper : carryOfAll
  return (words, count) => (carryOf(words, count, exponent) & exponent.carry) === 0
}

/**
 * Values seen while a file is read whose parts are not yet known: its pieces as if all of it were of one dtype. What is not seen to
 * be finite may be: other bytes look like NaN.
 */
export class FinitePieces {
  readonly #dtype: DType
  readonly #suspects: (readonly [begin: number, end: number])[] = []
  #end = 0

  constructor(dtype: DType) {
    this.#dtype = dtype
  }

  /** The bytes from `at` on; values lie at multiples of their size in memory. */
  look(piece: Uint8Array, at: number): void {
    const size = itemSize(this.#dtype)
    const skipped = (size - (piece.byteOffset % size)) % size
    const whole = piece.subarray(skipped)
    if (!holdsNumbers({ dtype: this.#dtype, shape: [], data: whole }))
      this.#suspects.push([at, at + piece.byteLength])
    this.#end = at + piece.byteLength
  }

  /** Whether all bytes [begin, end) were seen to be finite values of this dtype. */
  hold(dtype: DType, begin: number, end: number): boolean {
    if (dtype !== this.#dtype || end > this.#end) return false
    return !this.#suspects.some(([from, to]) => from < end && to > begin)
  }
}

/** Whether no value is NaN or infinite. */
export function holdsNumbers({ dtype, data }: TensorData): boolean {
  const check = finiteCheck(dtype)
  if (check === undefined) return true
  let finite = true
  eachBlock(data, (_, words, count) => {
    finite &&= check(words, count)
  })
  return finite
}

/** Eight words a round, in two sums: the processor adds them at once. */
function carryOfAll(words: Int32Array, count: number, { mask, low }: Exponent): number {
  let [even, odd] = [0, 0]
  for (let i = 0; i < count; i += 8) {
    even |= ((words[i]! & mask) + low) | 0 | (((words[i + 2]! & mask) + low) | 0)
    even |= ((words[i + 4]! & mask) + low) | 0 | (((words[i + 6]! & mask) + low) | 0)
    odd |= ((words[i + 1]! & mask) + low) | 0 | (((words[i + 3]! & mask) + low) | 0)
    odd |= ((words[i + 5]! & mask) + low) | 0 | (((words[i + 7]! & mask) + low) | 0)
  }
  return even | odd
}

function carryOfUpper(words: Int32Array, count: number, { mask, low }: Exponent): number {
  let carry = 0
  for (let i = 1; i < count; i += 2) carry |= ((words[i]! & mask) + low) | 0
  return carry
}
