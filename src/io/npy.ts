/** @file numpy's .npy and .npz files (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html). */
import { InputError } from '../errors.ts'
import { writeFileAtomic } from './atomic.ts'
import { brief, briefName } from './brief.ts'
import { Budget } from './budget.ts'
import { findNestedGlobal, nestedTensor } from './nested-tensor.ts'
import { decodeNumpy, NumpyArray } from './numpy-pickle.ts'
import { numpyDescr, picklePieces } from './numpy-pickler.ts'
import type { PickleValue } from './pickle-value.ts'
import { readWhole } from './read-range.ts'
import { elementCount, itemSize, type TensorData, toFloat64Array } from './tensor-data.ts'
import { unpickle } from './unpickler.ts'
import { withZip } from './zip.ts'

const MAGIC = '\x93NUMPY'
const MAX_HEADER_BYTES = 1024 * 1024

/** Reads one array, in C order and little-endian; u2 and u4 widen to int32 and int64. Throws InputError. */
export async function readNpy(path: string): Promise<TensorData> {
  return parseNpy(path, undefined, await readWhole(path))
}

/**
 * Reads a pickled dictionary of arrays (np.save of a dict: image name to label vector, class to CAM), also of PyTorch's tensors;
 * whole-number keys become text. Nothing in the file is run. Throws InputError when it is something else.
 */
export async function readNpyDictionary(path: string): Promise<Map<string, TensorData>> {
  const bytes = await readWhole(path)
  const { descr, start } = parseHeader(path, undefined, bytes)
  if (descr !== '|O') {
    throw new InputError(path, `holds a plain array (${descr})`, {
      expected: 'a pickled dictionary of arrays',
    })
  }
  const budget = Budget.forCopies(path, bytes.byteLength)
  const { value } = unpickle(path, bytes, { start, budget, findGlobal: findNestedGlobal(path) })
  const content = value instanceof NumpyArray ? value.content : undefined
  const dictionary = Array.isArray(content) ? content[0] : undefined
  if (!(dictionary instanceof Map)) {
    throw new InputError(path, 'does not hold a dictionary', {
      expected: 'a dictionary of arrays saved by np.save',
    })
  }
  return new Map(
    [...dictionary].map(([written, item]) => {
      const key = scalarOf(written)
      if (typeof key !== 'string' && typeof key !== 'number') {
        throw new InputError(path, `has the key ${brief(key)}`, { expected: 'names or whole numbers' })
      }
      return [String(key), nestedTensor(item, budget) ?? dictionaryArray(path, String(key), item)]
    }),
  )
}

/** Reads every array of an archive, by its name without `.npy`. Throws InputError naming the member. */
export function readNpz(path: string): Promise<Map<string, TensorData>> {
  return withZip(path, async entries => {
    const arrays = new Map<string, TensorData>()
    for (const [name, entry] of entries) {
      if (name.endsWith('.npy')) arrays.set(name.slice(0, -4), parseNpy(path, name, await entry.read()))
    }
    if (arrays.size === 0)
      throw new InputError(path, 'holds no arrays', { expected: 'a file made by np.savez' })
    return arrays
  })
}

/**
 * The bytes of np.save(file, dictionary): np.load(file, allow_pickle=True).item() gives the dictionary. Whole-number keys are int
 * there, names str. Throws RangeError for an array without a numpy type.
 */
export function encodeNpyDictionary(entries: ReadonlyMap<string | number, TensorData>): Uint8Array {
  return Buffer.concat([npyHeader('|O', []), ...picklePieces(entries)])
}

/** Writes one array atomically, as np.save does. numpy has no bfloat16: convert it first. */
export async function writeNpy(path: string, { dtype, shape, data }: TensorData): Promise<void> {
  const descr = numpyDescr(dtype)
  if (descr === undefined) throw new InputError(path, `numpy has no ${dtype}`, { expected: 'float32' })
  if (data.byteLength !== elementCount(shape) * itemSize(dtype)) {
    throw new InputError(path, `${dtype} [${shape.join(', ')}] does not fit ${data.byteLength} bytes`)
  }
  const header = npyHeader(descr, shape)
  await writeFileAtomic(path, [header, data])
}

/** Magic, version 1.0 and a description; the data begin after it, on a multiple of 64. */
function npyHeader(descr: string, shape: readonly number[]): Buffer {
  const extents = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${extents}), }`
  const length = Math.ceil((10 + text.length + 1) / 64) * 64
  const header = Buffer.alloc(length, ' ')
  header.write(MAGIC, 'latin1')
  header.writeUInt16LE(1, 6) // version 1.0
  header.writeUInt16LE(length - 10, 8)
  header.write(text, 10, 'latin1')
  header.write('\n', length - 1)
  return header
}

function parseNpy(path: string, field: string | undefined, bytes: Uint8Array): TensorData {
  const { descr, fortranOrder, shape, start } = parseHeader(path, field, bytes)
  const where = field === undefined ? {} : { field }
  if (descr === '|O') {
    throw new InputError(path, 'holds Python objects', { ...where, expected: 'an array of numbers' })
  }
  const decoded = decodeNumpy({ descr, shape, fortranOrder, bytes: bytes.subarray(start) })
  if (typeof decoded === 'string') throw new InputError(path, decoded, where)
  return decoded
}

interface Header {
  readonly descr: string
  readonly fortranOrder: boolean
  readonly shape: readonly number[]
  /** Offset of the first byte after the header. */
  readonly start: number
}

function parseHeader(path: string, field: string | undefined, bytes: Uint8Array): Header {
  const fail = (problem: string) =>
    new InputError(path, problem, {
      ...(field === undefined ? {} : { field }),
      expected: 'a file made by np.save',
    })
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer.byteLength === 0) throw fail('is empty (zero bytes)')
  if (buffer.byteLength < 12 || buffer.toString('latin1', 0, 6) !== MAGIC) throw fail('is not a numpy array')
  const wide = buffer[6]! > 1
  const length = wide ? buffer.readUInt32LE(8) : buffer.readUInt16LE(8)
  const start = (wide ? 12 : 10) + length
  if (length > MAX_HEADER_BYTES || start > buffer.byteLength) throw fail('is cut off inside its header')
  const text = buffer.toString('utf8', start - length, start)
  const descr = /'descr':\s*'([^']*)'/.exec(text)?.[1]
  const order = /'fortran_order':\s*(True|False)/.exec(text)?.[1]
  const extents = /'shape':\s*\(([\d,\sL]*)\)/.exec(text)?.[1]
  if (descr === undefined) throw fail('its elements are records, or its header is damaged')
  if (order === undefined || extents === undefined) throw fail('its header is damaged')
  const shape = (extents.match(/\d+/g) ?? []).map(Number)
  if (!shape.every(Number.isSafeInteger)) throw fail('its header is damaged')
  return { descr, fortranOrder: order === 'True', shape, start }
}

/** The number of a key that is a numpy scalar, which scripts use unawares. */
function scalarOf(key: PickleValue): PickleValue {
  const content = key instanceof NumpyArray ? key.content : undefined
  const isScalar = content !== undefined && 'dtype' in content && content.shape.length === 0
  return isScalar ? toFloat64Array(content)[0]! : key
}

function dictionaryArray(path: string, key: string, item: PickleValue): TensorData {
  if (item instanceof NumpyArray && item.content !== undefined && 'dtype' in item.content) return item.content
  throw new InputError(path, 'is not an array of numbers', {
    field: briefName(key),
    expected: 'a label vector',
  })
}
