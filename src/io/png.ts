/** @file PNG to samples as stored: palettes are not applied, bits not scaled. The size is checked against the file's bytes first. */
import { inflateSync } from 'node:zlib'
import { InputError } from '../errors.ts'
import { crc32 } from './checksum.ts'
import { unfilter } from './png-filter.ts'
import { textOf } from './printable.ts'

/** `data` holds height * width * channels samples, 16-bit ones in a Uint16Array; `palette` its colours as 0xRRGGBB. */
export interface Png {
  readonly width: number
  readonly height: number
  readonly depth: number
  readonly channels: number
  readonly palette: readonly number[] | undefined
  /** Indices that are wholly transparent; undefined where the file names none. */
  readonly clear: ReadonlySet<number> | undefined
  readonly data: Uint8Array | Uint16Array
}

/** Largest PNG that is read, inflated: 23,000 x 23,000 pixels of one byte. */
export const MAX_PNG_BYTES = 2 ** 29

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10] as const
const INDEXED_COLOUR = 3
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }
const DEPTHS: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
}
const DEFLATE_RATIO = 1032 // no deflate stream inflates to more
const SPARE_BYTES = 65536 // behind the last row; some writers leave them

/** First pixel and step, across and down, of the seven passes of an interlaced file; of one that is not, all. */
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const
const WHOLE = [[0, 0, 1, 1]] as const

/** Throws InputError naming `file`: no PNG, animated, damaged, cut short, or too large. `expected` ends the message. */
export function decodePng(bytes: Uint8Array, file: string, expected: string): Png {
  const refuse = (problem: string, cause?: unknown): InputError =>
    new InputError(file, problem, { expected, cause })
  const damaged = (detail: string, cause?: unknown): InputError =>
    refuse(`cannot be decoded (${detail})`, cause)
  if (SIGNATURE.some((byte, i) => bytes[i] !== byte)) {
    const { problem, remedy } = foreignKind(bytes)
    throw new InputError(file, problem, { expected: `${remedy}${expected}` })
  }
  const { header, palette, clear, parts } = readChunks(bytes, { refuse, damaged })
  const { width, height, depth, channels } = header
  const passes = (header.interlaced ? ADAM7 : WHOLE)
    .map(([x, y, dx, dy]) => ({
      x,
      y,
      dx,
      dy,
      columns: Math.ceil((width - x) / dx),
      rows: Math.ceil((height - y) / dy),
    }))
    .filter(({ columns, rows }) => columns > 0 && rows > 0)
  const stride = (columns: number): number => Math.ceil((columns * depth * channels) / 8)
  const needed = passes.reduce((sum, { columns, rows }) => sum + rows * (1 + stride(columns)), 0)
  const samples = width * height * channels * (depth === 16 ? 2 : 1)
  const asks = `asks for ${width} x ${height} pixels`
  if (Math.max(needed, samples) > MAX_PNG_BYTES)
    throw refuse(`${asks}, more than the ${MAX_PNG_BYTES / 2 ** 20} MiB that are read`)
  const packed = Buffer.concat(parts)
  if (needed > DEFLATE_RATIO * packed.length)
    throw refuse(`${asks}, more than its ${bytes.length} bytes can hold`)
  let rows: Uint8Array
  try {
    rows = inflateSync(packed, { maxOutputLength: needed + SPARE_BYTES })
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'ERR_BUFFER_TOO_LARGE') throw damaged('it holds more than its rows', cause)
    throw damaged(textOf(cause), cause)
  }
  if (rows.length < needed) throw damaged(`${rows.length} of ${needed} bytes`)
  const data =
    depth === 16 ? new Uint16Array(width * height * channels) : new Uint8Array(width * height * channels)
  let from = 0
  for (const { columns, rows: count, ...at } of passes) {
    const bytesPerRow = stride(columns)
    const part = rows.subarray(from, from + count * (1 + bytesPerRow))
    from += part.length
    const plain = unfilter(part, { bytesPerRow, bytesPerPixel: Math.max(1, (depth * channels) >> 3) })
    if (plain === undefined) throw damaged('an unknown filter')
    place(plain, { data, width, depth, channels, columns, rows: count, bytesPerRow, ...at })
  }
  return { width, height, depth, channels, palette, clear, data }
}

interface Header {
  readonly width: number
  readonly height: number
  readonly depth: number
  readonly colour: number
  readonly channels: number
  readonly interlaced: boolean
}

/** Every chunk with its checksum, up to IEND. */
function readChunks(
  bytes: Uint8Array,
  { refuse, damaged }: Record<'refuse' | 'damaged', (text: string) => InputError>,
): { header: Header; palette: number[] | undefined; clear: Set<number> | undefined; parts: Uint8Array[] } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts: Uint8Array[] = []
  let header: Header | undefined
  let palette: number[] | undefined
  let clear: Set<number> | undefined
  for (let at = SIGNATURE.length; ; ) {
    if (at + 12 > bytes.length) throw damaged('it is cut short')
    const length = view.getUint32(at)
    if (at + 12 + length > bytes.length) throw damaged('it is cut short')
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    const content = bytes.subarray(at + 8, at + 8 + length)
    if (crc32(bytes.subarray(at + 4, at + 8 + length)) !== view.getUint32(at + 8 + length))
      throw damaged(`the checksum of ${/^[A-Za-z]{4}$/.test(type) ? type : 'a chunk'} is wrong`)
    if (header === undefined) {
      if (type !== 'IHDR') throw damaged('it does not begin with IHDR')
      header = readHeader(content, damaged)
    } else if (type === 'PLTE')
      palette = Array.from(
        { length: Math.floor(length / 3) },
        (_, i) => (content[3 * i]! << 16) | (content[3 * i + 1]! << 8) | content[3 * i + 2]!,
      )
    else if (type === 'tRNS') clear = transparent(content, header)
    else if (type === 'IDAT') parts.push(content)
    else if (type === 'acTL') throw refuse('is animated (APNG)')
    else if (type === 'IEND') break
    at += 12 + length
  }
  const indexed = header.colour === INDEXED_COLOUR
  if (indexed && palette === undefined) throw damaged('it has no palette')
  return { header, palette: indexed ? palette : undefined, clear, parts }
}

/** Indices whose alpha is 0; the transparent colour of images without a palette is not read. */
function transparent(content: Uint8Array, { colour }: Header): Set<number> {
  return new Set(colour === INDEXED_COLOUR ? [...content.keys()].filter(index => content[index] === 0) : [])
}

function readHeader(content: Uint8Array, damaged: (text: string) => InputError): Header {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength)
  if (content.length !== 13) throw damaged('IHDR has not 13 bytes')
  const [width, height] = [view.getUint32(0), view.getUint32(4)]
  const [depth = 0, colour = 0, packing, filter, interlace = 0] = content.subarray(8)
  if (width === 0 || height === 0) throw damaged(`it has ${width} x ${height} pixels`)
  if (!DEPTHS[colour]?.includes(depth)) throw damaged(`colour type ${colour} of ${depth} bits`)
  if (packing !== 0 || filter !== 0 || interlace > 1) throw damaged('an unknown way of packing')
  return { width, height, depth, colour, channels: CHANNELS[colour]!, interlaced: interlace === 1 }
}

/** Samples of one pass to their places; those of less than 8 bits lie packed, the first in the highest bits. */
function place(
  plain: Uint8Array,
  to: Pick<Png, 'data' | 'width' | 'depth' | 'channels'> & {
    columns: number
    rows: number
    bytesPerRow: number
    x: number
    y: number
    dx: number
    dy: number
  },
): void {
  const { data, width, depth, channels, columns, rows, bytesPerRow, x, y, dx, dy } = to
  if (depth === 8 && dx === 1 && dy === 1) {
    data.set(plain)
    return
  }
  const low = (1 << depth) - 1
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const target = ((y + row * dy) * width + x + column * dx) * channels
      for (let c = 0; c < channels; c++) {
        const sample = column * channels + c
        const byte = row * bytesPerRow + ((sample * depth) >> 3)
        data[target + c] =
          depth === 16
            ? (plain[byte]! << 8) | plain[byte + 1]!
            : (plain[byte]! >> (8 - depth - ((sample * depth) & 7))) & low
      }
    }
}

const FOREIGN: readonly (readonly [kind: string, begin: readonly number[]])[] = [
  ['JPEG', [0xff, 0xd8, 0xff]],
  ['TIFF', [0x49, 0x49, 0x2a, 0]],
  ['TIFF', [0x4d, 0x4d, 0, 0x2a]],
  ['GIF', [0x47, 0x49, 0x46, 0x38]],
  ['WebP', [0x52, 0x49, 0x46, 0x46]],
  ['BMP', [0x42, 0x4d]],
]

function foreignKind(bytes: Uint8Array): { problem: string; remedy: string } {
  const [kind] = FOREIGN.find(([, begin]) => begin.every((byte, i) => bytes[i] === byte)) ?? []
  if (kind === undefined) return { problem: 'cannot be decoded (no PNG)', remedy: '' }
  return kind === 'JPEG'
    ? {
        problem: 'is a JPEG, whose compression changes labels, not a PNG',
        remedy: 'export it as PNG where it was made; ',
      }
    : {
        problem: `is a ${kind}, not a PNG`,
        remedy: `convert it without loss (magick mask.${kind.toLowerCase()} mask.png); `,
      }
}
