/** @file Hand-written pickles, archives and safetensors for tests; opcodes as Latin-1 text. */
import { deflateRawSync } from 'node:zlib'
import { crc32 } from '../../src/io/checksum.ts'

export const bytesOf = (pickle: string) => Buffer.from(pickle, 'latin1')

export function text(value: string): string {
  const utf8 = Buffer.from(value)
  return `X${uint32(utf8.byteLength)}${utf8.toString('latin1')}`
}

/** A whole number from 0 to 2^31. */
export const int = (value: number) => `J${uint32(value)}`

/** LONG1: a whole number of any size, little-endian. */
export const long = (bytes: Uint8Array) =>
  `\x8a${String.fromCharCode(bytes.byteLength)}${Buffer.from(bytes).toString('latin1')}`

export const tuple = (...items: string[]) => `(${items.join('')}t`
export const global = (module: string, name: string) => `c${module}\n${name}\n`
export const call = (callee: string, ...args: string[]) => `${callee}${tuple(...args)}R`
export const remember = (index: number) => `r${uint32(index)}`
export const recall = (index: number) => `j${uint32(index)}`

/** A dictionary that ends the pickle. */
export const dictionary = (items: readonly (readonly [string, string])[]) =>
  `\x80\x02}(${items.map(([key, value]) => key + value).join('')}u.`

/** A float32 tensor over all of storage `key`. */
export function tensor({
  key = '0',
  count,
  shape,
  strides,
}: {
  key?: string
  count: number
  shape: readonly number[]
  strides: readonly number[]
}): string {
  const id = tuple(text('storage'), global('torch', 'FloatStorage'), text(key), text('cpu'), int(count))
  return call(
    global('torch._utils', '_rebuild_tensor_v2'),
    `${id}Q`,
    int(0),
    tuple(...shape.map(int)),
    tuple(...strides.map(int)),
    '\x89',
    call(global('collections', 'OrderedDict')),
  )
}

/** A checkpoint as torch.save writes it: zip of data.pkl and storages. */
export function checkpoint(pickle: string, storages: Readonly<Record<string, Uint8Array>> = {}): Buffer {
  const entries = Object.entries(storages).map(([key, data]) => ({ name: `a/data/${key}`, data }))
  return archive([{ name: 'a/data.pkl', data: bytesOf(pickle) }, ...entries])
}

export interface ArchiveEntry {
  readonly name: string
  readonly data: Uint8Array
  readonly deflate?: boolean
  /** Names the first entry's bytes in place of its own. */
  readonly overlap?: boolean
}

/** A zip archive with checksums. */
export function archive(entries: readonly ArchiveEntry[]): Buffer {
  const locals: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const { name, data, deflate = false, overlap = false } of entries) {
    const packed = deflate ? deflateRawSync(data) : data
    const fields = (signature: number, length: number, at: number) => {
      const header = Buffer.alloc(length)
      header.writeUInt32LE(signature)
      header.writeUInt16LE(deflate ? 8 : 0, at)
      header.writeUInt32LE(crc32(data), at + 6)
      header.writeUInt32LE(packed.byteLength, at + 10)
      header.writeUInt32LE(data.byteLength, at + 14)
      header.writeUInt16LE(name.length, at + 18)
      return header
    }
    const central = fields(0x02014b50, 46, 10)
    central.writeUInt32LE(overlap ? 0 : offset, 42)
    directory.push(central, Buffer.from(name))
    if (overlap) continue
    const local = [fields(0x04034b50, 30, 8), Buffer.from(name), packed]
    for (const part of local) offset += part.byteLength
    locals.push(...local.map(part => Buffer.from(part)))
  }
  const central = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50)
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(central.byteLength, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, central, end])
}

/** A safetensors file of that header and so many zeros. */
export function safetensors(header: string | Uint8Array, dataBytes = 0): Buffer {
  const text = Buffer.from(header)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, Buffer.alloc(dataBytes)])
}

function uint32(value: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes.toString('latin1')
}
