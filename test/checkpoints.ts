/** @file Checkpoints as torch.save writes them, for tests and benchmarks: the zip since 1.6, data aligned to 64 bytes, and the form before. */
import { crc32 } from '../src/io/checksum.ts'
import { rowMajor } from '../src/io/strided.ts'
import { type DType, itemSize, type TensorData } from '../src/io/tensor-data.ts'
import { bytesOf, call, dictionary, global, int, long, text, tuple } from './fuzz/pickles.ts'

type Weights = ReadonlyMap<string, TensorData>

const STORAGE: Readonly<Partial<Record<DType, string>>> = {
  float32: 'FloatStorage',
  float64: 'DoubleStorage',
  float16: 'HalfStorage',
  bfloat16: 'BFloat16Storage',
  int64: 'LongStorage',
  uint8: 'ByteStorage',
}

/** A state dict as a zip; `under`: the key that holds it. */
export function zipCheckpoint(weights: Weights, { under }: { under?: string } = {}): Buffer {
  const storages = [...weights.values()].map(({ data }, key) => ({ name: `archive/data/${key}`, data }))
  const records = [
    { name: 'archive/data.pkl', data: bytesOf(pickle(weights, under)) },
    { name: 'archive/version', data: bytesOf('3\n') },
  ]
  return alignedZip([...records, ...storages])
}

/** A state dict in the form before 1.6. */
export function legacyCheckpoint(weights: Weights, { under }: { under?: string } = {}): Buffer {
  const magic = Buffer.from('6cfc9c46f9206aa85019', 'hex')
  const system = dictionary([[text('little_endian'), '\x88']])
  const keys = `\x80\x02](${[...weights.keys()].map((_, key) => text(String(key))).join('')}e.`
  const head = [`\x80\x02${long(magic)}.`, '\x80\x02M\xe9\x03.', system, pickle(weights, under, 'N'), keys]
  const storages = [...weights.values()].flatMap(({ dtype, data }) => {
    const count = Buffer.alloc(8)
    count.writeBigInt64LE(BigInt(data.byteLength / itemSize(dtype)))
    return [count, data]
  })
  return Buffer.concat([bytesOf(head.join('')), ...storages])
}

/** `view`: what the form before 1.6 says of each storage besides, None of those that are no part of another. */
function pickle(weights: Weights, under: string | undefined, ...view: readonly string[]): string {
  const items = [...weights].map(([name, { dtype, shape, data }], key): [string, string] => [
    text(name),
    call(
      global('torch._utils', '_rebuild_tensor_v2'),
      `${tuple(text('storage'), global('torch', STORAGE[dtype]!), text(String(key)), text('cpu'), int(data.byteLength / itemSize(dtype)), ...view)}Q`,
      int(0),
      tuple(...shape.map(int)),
      tuple(...rowMajor(shape).map(int)),
      '\x89',
      call(global('collections', 'OrderedDict')),
    ),
  ])
  const whole = dictionary(items)
  return under === undefined ? whole : dictionary([[text(under), whole.slice(2, -1)]])
}

/** Stored entries whose data begin at multiples of 64, by the length of the extra field. */
function alignedZip(entries: readonly { readonly name: string; readonly data: Uint8Array }[]): Buffer {
  const locals: Uint8Array[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const { name, data } of entries) {
    const start = offset + 30 + name.length
    const extra = Buffer.alloc(4 + ((64 - ((start + 4) % 64)) % 64), 'Z')
    extra.writeUInt16LE(extra.byteLength - 4, 2)
    const fields = (signature: number, length: number, at: number): Buffer => {
      const header = Buffer.alloc(length)
      header.writeUInt32LE(signature)
      header.writeUInt32LE(crc32(data), at + 6)
      header.writeUInt32LE(data.byteLength, at + 10)
      header.writeUInt32LE(data.byteLength, at + 14)
      header.writeUInt16LE(name.length, at + 18)
      return header
    }
    const local = fields(0x04034b50, 30, 8)
    local.writeUInt16LE(extra.byteLength, 28)
    const central = fields(0x02014b50, 46, 10)
    central.writeUInt32LE(offset, 42)
    locals.push(local, Buffer.from(name), extra, data)
    directory.push(central, Buffer.from(name))
    offset += 30 + name.length + extra.byteLength + data.byteLength
  }
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50)
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(
    directory.reduce((sum, part) => sum + part.byteLength, 0),
    12,
  )
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, ...directory, end])
}
