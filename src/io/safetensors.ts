/** @file The safetensors format (https://github.com/huggingface/safetensors#format), both ways, no torch. */
import { constants } from 'node:buffer'
import { InputError } from '../errors.ts'
import { writeFileAtomic } from './atomic.ts'
import { brief, briefName } from './brief.ts'
import { MAX_AXES } from './budget.ts'
import { readRange, withFile } from './read-range.ts'
import { BLANK_CHECKSUM, type Checksum, fillChecksum, takeChecksum } from './safetensors-checksum.ts'
import { alignedBytes, type DType, elementCount, itemSize, type TensorData } from './tensor-data.ts'

export interface SafetensorsFile {
  readonly tensors: Map<string, TensorData>
  readonly metadata: Record<string, string>
}

/** Range of a tensor: `begin` and `end` count from the first byte after the header. */
export interface SafetensorsEntry {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

export interface SafetensorsHeader {
  readonly entries: Map<string, SafetensorsEntry>
  readonly metadata: Record<string, string>
  /** Offset in the file of the first byte after the header. */
  readonly dataStart: number
}

const MAX_HEADER_BYTES = 25 * 1024 * 1024

const CODES: Readonly<Record<DType, string>> = {
  float32: 'F32',
  float64: 'F64',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint8: 'U8',
  bool: 'BOOL',
}
const DTYPES = new Map(Object.entries(CODES).map(([dtype, code]) => [code, dtype as DType]))

/**
 * Reads a whole file with one read, tensors being views of it (copies where unaligned); or, with `only`, the chosen tensors
 * alone. Throws InputError naming the file and the tensor when anything in the header or the length is wrong, or when a
 * whole file does not fit its checksum.
 */
export function readSafetensors(
  path: string,
  { only }: { only?: (name: string) => boolean } = {},
): Promise<SafetensorsFile> {
  return withFile(path, async (file, size) => {
    const { entries, metadata, dataStart, checksum } = await parseHeader(path, file, size)
    const chosen = [...entries].filter(([name]) => only?.(name) !== false)
    const read = (begin: number, end: number) => readRange(path, file, dataStart + begin, dataStart + end)
    // in pieces also above Node's largest buffer
    const dataBytes = size - dataStart
    const whole =
      only === undefined && dataBytes <= constants.MAX_LENGTH ? await read(0, dataBytes) : undefined
    const parts = new Map<string, Uint8Array>()
    for (const [name, { begin, end }] of chosen.toSorted(byPlace))
      parts.set(name, whole?.subarray(begin, end) ?? (await read(begin, end)))
    if (only === undefined) checksum?.check(path, whole === undefined ? parts.values() : [whole])
    const tensors = new Map(
      chosen.map(([name, { dtype, shape }]): [string, TensorData] => [
        name,
        { dtype, shape, data: alignedBytes(parts.get(name)!, itemSize(dtype)) },
      ]),
    )
    return { tensors, metadata }
  })
}

/** Reads names, shapes and metadata only. Throws InputError as readSafetensors does. */
export function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  return withFile(path, async (file, size) => {
    const { entries, metadata, dataStart } = await parseHeader(path, file, size)
    return { entries, metadata, dataStart }
  })
}

/** Writes atomically and durably, with a checksum; the widest dtypes first, so that every tensor is aligned to its element. */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorData>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const placed = new Map<string, readonly [number, number]>()
  const widestFirst = [...tensors].sort(([, a], [, b]) => itemSize(b.dtype) - itemSize(a.dtype))
  let offset = 0
  for (const [name, { dtype, shape, data }] of widestFirst) {
    const bytes = elementCount(shape) * itemSize(dtype)
    if (name === '__metadata__') throw new InputError(path, 'a tensor cannot have this name', { field: name })
    if (bytes !== data.byteLength) {
      const problem = `${dtype} [${shape.join(', ')}] needs ${bytes} bytes, not ${data.byteLength}`
      throw new InputError(path, problem, { field: name })
    }
    placed.set(name, [offset, offset + bytes])
    offset += bytes
  }
  const described = [...tensors].map(
    ([name, { dtype, shape }]) =>
      [name, { dtype: CODES[dtype], shape, data_offsets: placed.get(name) }] as const,
  )
  const withChecksum = { ...metadata, ...BLANK_CHECKSUM }
  const header = Object.fromEntries<unknown>([['__metadata__', withChecksum], ...described])
  const json = Buffer.from(JSON.stringify(header))
  const padded = Buffer.alloc(8 + Math.ceil(json.byteLength / 8) * 8, ' ')
  padded.writeBigUInt64LE(BigInt(padded.byteLength - 8))
  json.copy(padded, 8)
  const parts = [padded, ...widestFirst.map(([, tensor]) => tensor.data)]
  fillChecksum(padded, parts)
  await writeFileAtomic(path, parts, { durable: true })
}

async function parseHeader(
  path: string,
  file: Parameters<typeof readRange>[1],
  size: number,
): Promise<SafetensorsHeader & { readonly checksum: Checksum | undefined }> {
  const expected = 'a safetensors file that was copied or downloaded completely'
  if (size === 0) throw new InputError(path, 'is empty (zero bytes)', { expected })
  if (size < 10) throw new InputError(path, `is only ${size} bytes long`, { expected })
  const length = (await readRange(path, file, 0, 8)).readBigUInt64LE()
  if (length > MAX_HEADER_BYTES) {
    throw new InputError(path, `its header claims ${length} bytes (limit ${MAX_HEADER_BYTES})`, { expected })
  }
  const dataStart = 8 + Number(length)
  if (dataStart > size) throw new InputError(path, 'is cut off inside its header', { expected })
  const bytes = await readRange(path, file, 0, dataStart)
  const header = parseJsonObject(path, bytes.subarray(8))
  const entries = new Map<string, SafetensorsEntry>()
  let metadata: Record<string, string> = {}
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') metadata = checkMetadata(path, value)
    else entries.set(name, checkEntry(path, name, value))
  }
  checkLayout(path, entries, size - dataStart)
  const { checksum, ...rest } = takeChecksum(bytes, metadata)
  return { entries, dataStart, checksum, ...rest }
}

function parseJsonObject(path: string, bytes: Uint8Array): object {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new InputError(path, 'its header is not JSON', { expected: 'a safetensors file', cause })
  }
  if (!isObject(value)) throw new InputError(path, 'its header is not a JSON object')
  return value
}

function checkMetadata(path: string, value: unknown): Record<string, string> {
  const field = '__metadata__'
  if (!isObject(value)) throw new InputError(path, 'is not an object', { field, expected: 'text to text' })
  const pairs = Object.entries(value).map(([key, text]): [string, string] => {
    if (typeof text !== 'string') throw new InputError(path, `"${briefName(key)}" is not text`, { field })
    return [key, text]
  })
  return Object.fromEntries(pairs)
}

function checkEntry(path: string, name: string, value: unknown): SafetensorsEntry {
  const fail = (problem: string, expected?: string) =>
    new InputError(path, problem, {
      field: briefName(name),
      ...(expected === undefined ? {} : { expected }),
    })
  if (!isObject(value)) throw fail('its description is not an object')
  const { dtype: code, shape, data_offsets: offsets } = value as Record<string, unknown>
  const dtype = typeof code === 'string' ? DTYPES.get(code) : undefined
  if (dtype === undefined)
    throw fail(`unknown dtype ${brief(code)}`, `one of ${[...DTYPES.keys()].join(', ')}`)
  if (!isCounts(shape)) throw fail(`shape ${brief(shape)} is not a list of whole numbers >= 0`)
  if (!isCounts(offsets)) throw fail(`data_offsets ${brief(offsets)} are not two whole numbers >= 0`)
  if (shape.length > MAX_AXES) throw fail(`its shape has ${shape.length} axes`, `${MAX_AXES} at most`)
  const [begin, end] = offsets
  if (offsets.length !== 2 || begin === undefined || end === undefined || begin > end) {
    throw fail(`data_offsets ${brief(offsets)} are not a begin and an end`)
  }
  const bytes = elementCount(shape) * itemSize(dtype)
  if (bytes !== end - begin) {
    throw fail(`${code} [${shape.join(', ')}] needs ${bytes} bytes, data_offsets give ${end - begin}`)
  }
  return { dtype, shape, begin, end }
}

type Placed = readonly [string, SafetensorsEntry]

function byPlace([, a]: Placed, [, b]: Placed): number {
  return a.begin - b.begin || a.end - b.end
}

/** The format wants the data packed: no overlap, no gap, nothing after the last tensor. */
function checkLayout(path: string, entries: ReadonlyMap<string, SafetensorsEntry>, dataBytes: number): void {
  let end = 0
  for (const [name, entry] of [...entries].sort(byPlace)) {
    if (entry.begin < end) throw new InputError(path, 'overlaps another tensor', { field: briefName(name) })
    if (entry.begin > end)
      throw new InputError(path, `${entry.begin - end} unused bytes before it`, { field: briefName(name) })
    end = entry.end
    if (end > dataBytes) {
      const problem = `the file is cut off: it ends ${end - dataBytes} bytes before the end of this tensor`
      throw new InputError(path, problem, { field: briefName(name), expected: 'copy or download it again' })
    }
  }
  if (end < dataBytes) throw new InputError(path, `${dataBytes - end} unknown bytes after the last tensor`)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(extent => Number.isSafeInteger(extent) && extent >= 0)
}
