/** @file Gathers a strided view of raw elements into C order. Pure typed arrays. */
import { MAX_AXES } from './budget.ts'
import { alignedBytes, elementCount } from './tensor-data.ts'

export interface StridedView {
  /** Bytes of one element. */
  readonly itemSize: number
  /** First element, counted in elements. */
  readonly offset: number
  readonly shape: readonly number[]
  /** Step of each axis, counted in elements; whole and not negative. */
  readonly strides: readonly number[]
}

/** Most elements of a repeated view (stride 0): larger ones are traps, not weights. */
const MAX_EXPANDED = 2 ** 26

const nothing = () => undefined

/** Row-major strides of a shape, in elements. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1)
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!
  return strides
}

/**
 * The elements of the view in C order, copied only when they are in another order or not aligned. `spend` gets the bytes
 * of a copy before it is made, and may throw. Undefined when the view reaches outside `bytes` or repeats too much.
 */
export function gather(
  bytes: Uint8Array,
  view: StridedView,
  spend: (bytes: number) => void = nothing,
): Uint8Array | undefined {
  const { itemSize, offset, shape, strides } = view
  if (![offset, ...shape, ...strides].every(n => Number.isSafeInteger(n) && n >= 0)) return undefined
  if (shape.length !== strides.length || shape.length > MAX_AXES) return undefined
  const count = elementCount(shape)
  if (count === 0) return new Uint8Array(0)
  const available = Math.floor(bytes.byteLength / itemSize)
  const last = shape.reduce((sum, extent, axis) => sum + (extent - 1) * strides[axis]!, offset)
  if (last >= available || (count > available && count > MAX_EXPANDED)) return undefined
  const natural = rowMajor(shape)
  if (shape.every((extent, axis) => extent === 1 || strides[axis] === natural[axis])) {
    const part = bytes.subarray(offset * itemSize, (offset + count) * itemSize)
    if (part.byteOffset % itemSize !== 0) spend(part.byteLength)
    return alignedBytes(part, itemSize)
  }
  spend(count * itemSize + (bytes.byteOffset % itemSize === 0 ? 0 : bytes.byteLength))
  return copyStrided(alignedBytes(bytes, itemSize), view, count)
}

function copyStrided(
  bytes: Uint8Array,
  { itemSize, offset, shape, strides }: StridedView,
  count: number,
): Uint8Array {
  const source = asWords(bytes.subarray(0, bytes.byteLength - (bytes.byteLength % itemSize)), itemSize)
  const result = new Uint8Array(count * itemSize)
  const target = asWords(result, itemSize)
  const index = new Array<number>(shape.length).fill(0)
  const inner = shape.length - 1
  const length = shape[inner]!
  const step = strides[inner]!
  for (let start = offset, out = 0; out < count; out += length) {
    if (source instanceof BigUint64Array && target instanceof BigUint64Array) {
      for (let i = 0; i < length; i++) target[out + i] = source[start + i * step]!
    } else {
      for (let i = 0; i < length; i++) target[out + i] = source[start + i * step] as number
    }
    for (let axis = inner - 1; axis >= 0; axis--) {
      start += strides[axis]!
      index[axis] = index[axis]! + 1
      if (index[axis]! < shape[axis]!) break
      start -= strides[axis]! * shape[axis]!
      index[axis] = 0
    }
  }
  return result
}

function asWords(bytes: Uint8Array, itemSize: number) {
  const { buffer, byteOffset, byteLength } = bytes
  if (itemSize === 1) return bytes
  if (itemSize === 2) return new Uint16Array(buffer, byteOffset, byteLength / 2)
  if (itemSize === 4) return new Uint32Array(buffer, byteOffset, byteLength / 4)
  return new BigUint64Array(buffer, byteOffset, byteLength / 8)
}
