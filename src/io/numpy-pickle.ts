/** @file numpy's arrays, dtypes and scalars inside pickles, as data. */
import { brief } from './brief.ts'
import { type Budget, MAX_AXES } from './budget.ts'
import { PickleError, PickleGlobal, PickleObject, type PickleValue } from './pickle-value.ts'
import { gather, rowMajor } from './strided.ts'
import { alignedBytes, type DType, elementCount, itemSize, type TensorData } from './tensor-data.ts'

/** numpy type codes (kind and bytes) that are the same bytes as a DType. */
const PLAIN: Readonly<Record<string, DType>> = {
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  i1: 'int8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  u1: 'uint8',
  b1: 'bool',
}

/** Raw bytes of a numpy array and how to read them. */
export interface NumpyBytes {
  /** Kind and bytes, with or without the byte order: `<f4`, `f4`, `|u1`, `>i8`. */
  readonly descr: string
  readonly shape: readonly number[]
  readonly fortranOrder: boolean
  readonly bytes: Uint8Array
  /** Pays for copies (transposed, of the other byte order, widened); absent: the bytes are the file's own, once. */
  readonly budget?: Budget
}

/**
 * The array in C order and little-endian; unsigned u2 and u4 are widened to int32 and int64.
 * Returns a sentence with the problem instead when the dtype or the length does not fit.
 */
export function decodeNumpy({ descr, shape, fortranOrder, bytes, budget }: NumpyBytes): TensorData | string {
  const [, order = '', code = ''] = /^([<>=|]?)([a-zA-Z]\d*)$/.exec(descr) ?? []
  const unsigned = code === 'u2' || code === 'u4'
  const dtype = unsigned ? (code === 'u2' ? 'int16' : 'int32') : PLAIN[code]
  if (dtype === undefined) return `arrays of numpy type ${descr} cannot be read`
  if (shape.length > MAX_AXES) return `its shape has ${shape.length} axes, and ${MAX_AXES} are the most`
  const size = itemSize(dtype)
  const count = elementCount(shape)
  if (bytes.byteLength !== count * size) {
    return `${descr} [${shape.join(', ')}] needs ${count * size} bytes, there are ${bytes.byteLength}`
  }
  if (fortranOrder || order === '>' || unsigned) budget?.spend(3 * bytes.byteLength)
  const strides = fortranOrder ? rowMajor(shape.toReversed()).toReversed() : rowMajor(shape)
  const gathered = gather(bytes, { itemSize: size, offset: 0, shape, strides })
  if (gathered === undefined) return `the shape [${shape.join(', ')}] is not a real one`
  const data = order === '>' ? swapBytes(gathered, size) : gathered
  return unsigned ? widen(data, code, shape) : { dtype, shape, data }
}

/** An `ndarray` (or a numpy scalar: shape []) in a pickle, filled by its state. */
export class NumpyArray extends PickleObject {
  /** The decoded array, or the values when the array holds Python objects. */
  content: TensorData | readonly PickleValue[] | undefined

  constructor() {
    super('numpy.ndarray')
  }

  /** State: (version, shape, dtype, is_fortran, bytes or list of objects). */
  override setState(state: PickleValue, budget: Budget): void {
    const [, shape, dtype, fortranOrder, raw] = Array.isArray(state) ? state : []
    if (!(dtype instanceof NumpyDtype) || !isShape(shape))
      throw new PickleError('holds a damaged numpy array')
    this.content = decode({ dtype, shape, fortranOrder: fortranOrder === true, raw, budget })
  }
}

class NumpyDtype extends PickleObject {
  readonly code: string
  #order = ''

  constructor(code: string) {
    super('numpy.dtype')
    this.code = code
  }

  get descr(): string {
    return this.#order + this.code
  }

  /** State: (version, byte order, ...). */
  override setState(state: PickleValue): void {
    const order = Array.isArray(state) ? state[1] : undefined
    if (order === '<' || order === '>' || order === '|' || order === '=') this.#order = order
  }
}

/** The numpy globals that only hold data; undefined for every other. */
export function findNumpyGlobal(module: string, name: string): PickleGlobal | undefined {
  if (module === '_codecs' && name === 'encode') return encode
  if (module === 'numpy') return name === 'ndarray' ? reconstruct : name === 'dtype' ? makeDtype : undefined
  if (/^numpy\._?core\.multiarray$/.test(module)) {
    return name === '_reconstruct' ? reconstruct : name === 'scalar' ? makeScalar : undefined
  }
  if (/^numpy\._?core\.numeric$/.test(module) && name === '_frombuffer') return fromBuffer
  return undefined
}

const reconstruct = new PickleGlobal(() => new NumpyArray())

const makeDtype = new PickleGlobal(([code]) => {
  if (typeof code !== 'string') throw new PickleError('holds a numpy dtype without a name')
  if (code.length > 16) throw new PickleError(`holds a numpy dtype named ${brief(code)}`)
  return new NumpyDtype(code)
})

const makeScalar = new PickleGlobal(([dtype, raw], budget) => {
  if (!(dtype instanceof NumpyDtype)) throw new PickleError('holds a damaged numpy scalar')
  const array = new NumpyArray()
  array.content = decode({ dtype, shape: [], fortranOrder: false, raw, budget })
  return array
})

/** (buffer, dtype, shape, order): how protocol 5 writes arrays. */
const fromBuffer = new PickleGlobal(([raw, dtype, shape, order], budget) => {
  if (!(dtype instanceof NumpyDtype) || !isShape(shape)) throw new PickleError('holds a damaged numpy array')
  const array = new NumpyArray()
  array.content = decode({ dtype, shape, fortranOrder: order === 'F', raw, budget })
  return array
})

/** `_codecs.encode(text, 'latin1')`: how protocol 2 writes bytes. */
const encode = new PickleGlobal(([text, encoding], budget) => {
  if (typeof text !== 'string' || encoding !== 'latin1') throw new PickleError('holds damaged bytes')
  budget.spend(text.length)
  return Buffer.from(text, 'latin1')
})

interface Raw {
  readonly dtype: NumpyDtype
  readonly shape: readonly number[]
  readonly fortranOrder: boolean
  readonly raw: PickleValue | undefined
  readonly budget: Budget
}

function decode({ dtype, shape, fortranOrder, raw, budget }: Raw): TensorData | readonly PickleValue[] {
  if (Array.isArray(raw)) return raw
  if (typeof raw === 'string') budget.spend(raw.length)
  const bytes = typeof raw === 'string' ? Buffer.from(raw, 'latin1') : raw
  if (!(bytes instanceof Uint8Array)) throw new PickleError('holds a numpy array without its bytes')
  // each copy that aligns them is paid for too
  if (bytes.byteOffset % 8 !== 0) budget.spend(bytes.byteLength)
  const decoded = decodeNumpy({ descr: dtype.descr, shape, fortranOrder, bytes, budget })
  if (typeof decoded === 'string') throw new PickleError(decoded)
  return decoded
}

function isShape(value: PickleValue | undefined): value is number[] {
  return (
    Array.isArray(value) &&
    value.length <= MAX_AXES &&
    value.every(n => Number.isSafeInteger(n) && Number(n) >= 0)
  )
}

function swapBytes(bytes: Uint8Array, size: number): Uint8Array {
  const copy = Buffer.from(bytes)
  if (size === 2) copy.swap16()
  else if (size === 4) copy.swap32()
  else if (size === 8) copy.swap64()
  return alignedBytes(copy, size)
}

function widen(bytes: Uint8Array, code: string, shape: readonly number[]): TensorData {
  const { buffer, byteOffset, byteLength } = bytes
  if (code === 'u2') {
    const wide = Int32Array.from(new Uint16Array(buffer, byteOffset, byteLength / 2))
    return { dtype: 'int32', shape, data: new Uint8Array(wide.buffer) }
  }
  const wide = BigInt64Array.from(new Uint32Array(buffer, byteOffset, byteLength / 4), BigInt)
  return { dtype: 'int64', shape, data: new Uint8Array(wide.buffer) }
}
