/**
 * @file Writes the pickle of a dictionary of numpy arrays, as np.save does in an array of one object (protocol 3, opcodes of Python's
 * pickletools). Not protocol 2: it has no bytes, and would double most of them.
 */
import { type DType, elementCount, itemSize, type TensorData } from './tensor-data.ts'

const DESCR: Readonly<Partial<Record<DType, string>>> = {
  float16: '<f2',
  float32: '<f4',
  float64: '<f8',
  int64: '<i8',
  int32: '<i4',
  int16: '<i2',
  int8: '|i1',
  uint8: '|u1',
  bool: '|b1',
}

/** `<f4`; undefined for bfloat16, which numpy lacks. */
export function numpyDescr(dtype: DType): string | undefined {
  return DESCR[dtype]
}

/** An array [] of one object, the dictionary. Throws RangeError for arrays that do not fit or have no numpy type. */
export function picklePieces(entries: ReadonlyMap<string | number, TensorData>): Uint8Array[] {
  return [
    bytes(0x80, 3), // PROTO
    ...array('|O8', [], [text(']'), text('}'), text('('), ...items(entries), text('u'), text('a')]),
    text('.'), // STOP
  ]
}

function items(entries: ReadonlyMap<string | number, TensorData>): Uint8Array[] {
  return [...entries].flatMap(([key, { dtype, shape, data }]) => {
    const descr = DESCR[dtype]
    if (descr === undefined) throw new RangeError(`numpy has no ${dtype}`)
    if (data.byteLength !== elementCount(shape) * itemSize(dtype))
      throw new RangeError(`${dtype} [${shape.join(', ')}] does not fit ${data.byteLength} bytes`)
    const name = typeof key === 'number' ? integer(key) : string(key)
    return [name, ...array(descr, shape, [text('B'), uint32(data.byteLength), data])]
  })
}

/** numpy.core.multiarray._reconstruct(ndarray, (0,), b'b') with its state (1, shape, dtype, False, content). */
function array(descr: string, shape: readonly number[], content: readonly Uint8Array[]): Uint8Array[] {
  const start = 'cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n'
  return [
    text(start),
    ...tuple([integer(0)]),
    bytes(0x43, 1, 0x62), // SHORT_BINBYTES
    bytes(0x87), // TUPLE3
    text('R'),
    ...tuple([integer(1), ...tuple(shape.map(integer)), ...dtype(descr), bytes(0x89), ...content]),
    text('b'),
  ]
}

/** numpy.dtype('f4', False, True) with its state (3, '<', None, None, None, -1, -1, flags). */
function dtype(descr: string): Uint8Array[] {
  const [order, code] = [descr.slice(0, 1), descr.slice(1)]
  const none = text('N')
  const flags = integer(code.startsWith('O') ? 63 : 0) // Python objects: counted, to be set, without raw bytes
  return [
    text('cnumpy\ndtype\n'),
    string(code),
    bytes(0x89, 0x88, 0x87), // False, True, TUPLE3
    text('R'),
    ...tuple([integer(3), string(order), none, none, none, integer(-1), integer(-1), flags]),
    text('b'),
  ]
}

const tuple = (values: readonly Uint8Array[]): Uint8Array[] => [text('('), ...values, text('t')]

/** BININT, or LONG1 of 8 bytes. */
function integer(value: number): Uint8Array {
  const isSmall = value === (value | 0)
  const out = Buffer.alloc(isSmall ? 5 : 10)
  if (isSmall) {
    out.write('J', 'latin1')
    out.writeInt32LE(value, 1)
  } else {
    out.set([0x8a, 8])
    out.writeBigInt64LE(BigInt(value), 2)
  }
  return out
}

/** BINUNICODE */
function string(value: string): Uint8Array {
  const encoded = Buffer.from(value)
  return Buffer.concat([text('X'), uint32(encoded.length), encoded])
}

function uint32(value: number): Uint8Array {
  const out = Buffer.alloc(4)
  out.writeUInt32LE(value)
  return out
}

const text = (value: string): Uint8Array => Buffer.from(value, 'latin1')

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
