/** @file Label maps as PNG, indices kept: an RGB decoder would expand the palette and lose the classes. */
import { readFile } from 'node:fs/promises'
import { type DecodedPng, decode, encode, hasPngSignature } from 'fast-png'
import { InputError } from '../errors.ts'
import { writeFileAtomic } from './atomic.ts'

/** Class indices, height * width row by row: 0 is background, k + 1 is class k, 255 is ignored. */
export interface LabelMap {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

const DEPTH_BYTE = 24 // both in IHDR; fast-png cannot unpack interlaced rows of less than 8 bits
const INTERLACE_BYTE = 28

const INDEXED = 'a mask is a PNG of class indices: palette of 1, 2, 4 or 8 bits, or 8-bit grey, one channel'

/** Reads the indices of a palette or 8-bit grey PNG; InputError on RGB, 16 bits, or a damaged file. */
export async function readLabelMap(path: string): Promise<LabelMap> {
  const png = await decodePng(path)
  if (png.depth === 16)
    throw new InputError(path, 'has 16 bits per sample', { field: 'bit depth', expected: INDEXED })
  if (png.channels !== 1) {
    const kind = ['', '', 'grey with alpha', 'RGB', 'RGB with alpha'][png.channels]
    throw new InputError(path, `is ${kind}, not indexed`, { field: 'channels', expected: INDEXED })
  }
  if (png.depth !== 8 && png.palette === undefined)
    throw new InputError(path, `is grey of ${png.depth} bits`, { field: 'bit depth', expected: INDEXED })
  const { width, height, depth } = png
  const bytes = new Uint8Array(png.data.buffer, png.data.byteOffset, png.data.byteLength)
  const data = depth === 8 ? bytes : unpack(bytes, { width, height, depth })
  if (data.length !== width * height) throw damaged(path, `${data.length} of ${width * height} pixels`)
  return { width, height, data }
}

/** Writes a palette PNG with the VOC colours, atomically. */
export async function writeLabelMap(path: string, { width, height, data }: LabelMap): Promise<void> {
  await writeFileAtomic(path, encodeLabelMap({ width, height, data }))
}

/** The bytes of a palette PNG with the VOC colours. */
export function encodeLabelMap({ width, height, data }: LabelMap): Uint8Array {
  return encode({
    width,
    height,
    data,
    channels: 1,
    depth: 8,
    palette: VOC_PALETTE.map(colour => [...colour]),
  })
}

/** The VOC palette, 256 RGB colours: bits of the index spread over the channels, highest first (VOCcolormap). */
export const VOC_PALETTE: readonly (readonly [number, number, number])[] = Array.from(
  { length: 256 },
  (_, index) => {
    const colour: [number, number, number] = [0, 0, 0]
    for (let bit = 7, rest = index; bit >= 0; bit--, rest >>= 3)
      for (let c = 0; c < 3; c++) colour[c]! |= ((rest >> c) & 1) << bit
    return colour
  },
)

async function decodePng(path: string): Promise<DecodedPng> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(path)
  } catch (cause) {
    throw new InputError(path, 'cannot be read', { expected: INDEXED, cause })
  }
  if (bytes.length === 0) throw new InputError(path, 'is empty (0 bytes)', { expected: INDEXED })
  const { [DEPTH_BYTE]: depth = 0, [INTERLACE_BYTE]: interlace } = bytes
  if (hasPngSignature(bytes) && depth < 8 && interlace === 1)
    throw new InputError(path, `is interlaced with ${depth} bits`, { field: 'interlace', expected: INDEXED })
  try {
    return decode(bytes, { checkCrc: true })
  } catch (cause) {
    throw damaged(path, cause instanceof Error ? cause.message : String(cause), cause)
  }
}

function damaged(path: string, detail: string, cause?: unknown): InputError {
  return new InputError(path, `cannot be decoded (${detail})`, { expected: INDEXED, cause })
}

/** Bits to bytes; each row starts on a byte, the first pixel in the highest bits. */
function unpack(
  packed: Uint8Array,
  { width, height, depth }: { width: number; height: number; depth: number },
): Uint8Array {
  const stride = Math.ceil((width * depth) / 8)
  const mask = (1 << depth) - 1
  const data = new Uint8Array(width * height)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const bit = x * depth
      data[y * width + x] = (packed[y * stride + (bit >> 3)]! >> (8 - depth - (bit & 7))) & mask
    }
  return data
}
