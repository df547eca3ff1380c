/** @file A raw array on disk or in memory: dtype, shape, little-endian bytes. Imports nothing. */
export type DType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int64'
  | 'int32'
  | 'int16'
  | 'int8'
  | 'uint8'
  | 'bool'

/**
 * `data` holds the elements as little-endian bytes in C order; it may be a view into a larger buffer.
 * All readers in io/ return data aligned to its element, so typed views of it never need a copy.
 */
export interface TensorData {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: Uint8Array
}

const ITEM_SIZE: Readonly<Record<DType, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
}

/** Bytes of one element. */
export function itemSize(dtype: DType): number {
  return ITEM_SIZE[dtype]
}

/** Product of the extents; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1)
}

/** Wraps the values without copying; the shape defaults to [values.length]. */
export function fromFloat32(values: Float32Array, shape: readonly number[] = [values.length]): TensorData {
  return wrap('float32', values, shape)
}

/** Wraps the values without copying; the shape defaults to [values.length]. */
export function fromFloat64(values: Float64Array, shape: readonly number[] = [values.length]): TensorData {
  return wrap('float64', values, shape)
}

/** Wraps the values without copying; the shape defaults to [values.length]. */
export function fromInt64(values: BigInt64Array, shape: readonly number[] = [values.length]): TensorData {
  return wrap('int64', values, shape)
}

/** Wraps the values without copying; the shape defaults to [values.length]. */
export function fromInt32(values: Int32Array, shape: readonly number[] = [values.length]): TensorData {
  return wrap('int32', values, shape)
}

/** Wraps the bytes without copying; the shape defaults to [values.length]. */
export function fromUint8(values: Uint8Array, shape: readonly number[] = [values.length]): TensorData {
  return wrap('uint8', values, shape)
}

/** The elements as float32. A view of `data` where it already is aligned float32: do not write to it. */
export function toFloat32Array(tensor: TensorData): Float32Array {
  if (tensor.dtype === 'float32') {
    const bytes = alignedBytes(tensor.data, 4)
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
  }
  const values = elements(tensor)
  return values instanceof Float32Array ? values : new Float32Array(values)
}

/** The elements as float64 (int64 beyond 2^53 are rounded). May be a view of `data`: do not write to it. */
export function toFloat64Array(tensor: TensorData): Float64Array {
  if (tensor.dtype === 'float64') {
    const bytes = alignedBytes(tensor.data, 8)
    return new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8)
  }
  return new Float64Array(elements(tensor))
}

/** The bytes themselves where they start on a multiple of `alignment`, else a copy that does. */
export function alignedBytes(bytes: Uint8Array, alignment: number): Uint8Array {
  return bytes.byteOffset % alignment === 0 ? bytes : new Uint8Array(bytes)
}

function wrap(dtype: DType, values: ArrayBufferView, shape: readonly number[]): TensorData {
  const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  if (elementCount(shape) * itemSize(dtype) !== data.byteLength) {
    throw new RangeError(`shape [${shape}] does not hold ${data.byteLength / itemSize(dtype)} elements`)
  }
  return { dtype, shape, data }
}

function elements({ dtype, data }: TensorData): ArrayLike<number> {
  const { buffer, byteOffset, byteLength } = alignedBytes(data, itemSize(dtype))
  const length = byteLength / itemSize(dtype)
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer, byteOffset, length)
    case 'float64':
      return new Float64Array(buffer, byteOffset, length)
    case 'float16':
      return decodeHalf(new Uint16Array(buffer, byteOffset, length))
    case 'bfloat16':
      return decodeBrain(new Uint16Array(buffer, byteOffset, length))
    case 'int64':
      return Float64Array.from(new BigInt64Array(buffer, byteOffset, length), Number)
    case 'int32':
      return new Int32Array(buffer, byteOffset, length)
    case 'int16':
      return new Int16Array(buffer, byteOffset, length)
    case 'int8':
      return new Int8Array(buffer, byteOffset, length)
    case 'uint8':
    case 'bool':
      return data
  }
}

/** The value of every half, by its bits; 256 kB, made when first needed. */
let halves: Float32Array | undefined

function decodeHalf(bits: Uint16Array): Float32Array {
  halves ??= Float32Array.from({ length: 1 << 16 }, (_, half) => halfValue(half))
  const values = new Float32Array(bits.length)
  for (let i = 0; i < bits.length; i++) values[i] = halves[bits[i]!]!
  return values
}

/** IEEE 754 half precision: 1 sign, 5 exponent, 10 fraction bits. */
function halfValue(half: number): number {
  const exponent = (half >> 10) & 31
  const fraction = half & 1023
  const sign = half & 0x8000 ? -1 : 1
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** bfloat16 is the upper half of a float32. */
function decodeBrain(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length)
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16
  return new Float32Array(words.buffer)
}
