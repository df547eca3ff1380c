/** @file Label maps as PNG, indices kept: an RGB decoder would expand the palette and lose the classes. */
import { encode } from 'fast-png'
import { InputError } from '../errors.ts'
import { writeFileAtomic } from './atomic.ts'
import { checkPixelBytes } from './pixel-bytes.ts'
import { decodePng, MAX_PNG_BYTES, type Png } from './png.ts'
import { readRange, withFile } from './read-range.ts'

/** Class indices, height * width row by row: 0 is background, k + 1 is class k, 255 is ignored. */
export interface LabelMap {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

/** The end of messages about unusable masks. */
export const INDEXED =
  'a mask is a PNG of class indices: palette of 1, 2, 4 or 8 bits, or 8-bit grey, one channel'

/** Reads the indices of a palette or 8-bit grey PNG; InputError on RGB, 16 bits, or a damaged file. */
export async function readLabelMap(path: string): Promise<LabelMap> {
  const { width, height, depth, channels, palette, data } = await readPng(path)
  if (data instanceof Uint16Array)
    throw new InputError(path, 'has 16 bits per sample', { field: 'bit depth', expected: INDEXED })
  if (channels !== 1) {
    const kind = ['', '', 'grey with alpha', 'RGB', 'RGB with alpha'][channels]
    throw new InputError(path, `is ${kind}, not indexed`, { field: 'channels', expected: INDEXED })
  }
  if (depth !== 8 && palette === undefined)
    throw new InputError(path, `is grey of ${depth} bits`, { field: 'bit depth', expected: INDEXED })
  return { width, height, data }
}

/** Any PNG, samples as stored. Throws InputError naming a file that is missing, damaged, or no PNG. */
export async function readPng(path: string): Promise<Png> {
  const bytes = await withFile(path, (file, size) => {
    if (size > MAX_PNG_BYTES) throw new InputError(path, `has ${size} bytes, more than a mask needs`)
    return readRange(path, file, 0, size)
  }).catch((cause: unknown) => {
    const problem = cause instanceof InputError ? cause.problem : 'cannot be read'
    throw new InputError(path, problem, { expected: INDEXED, cause })
  })
  if (bytes.length === 0) throw new InputError(path, 'is empty (0 bytes)', { expected: INDEXED })
  return decodePng(bytes, path, INDEXED)
}

/** Writes a palette PNG with the VOC colours, atomically. */
export async function writeLabelMap(path: string, { width, height, data }: LabelMap): Promise<void> {
  await writeFileAtomic(path, encodeLabelMap({ width, height, data }))
}

/** The bytes of a palette PNG with the VOC colours. Throws InputError unless there is a byte a pixel. */
export function encodeLabelMap(map: LabelMap): Uint8Array {
  return encodeIndexed(map, VOC_PALETTE)
}

/** The bytes of a palette PNG; colours may have an alpha, if all have one. Throws InputError unless there is a byte a pixel. */
export function encodeIndexed(
  { width, height, data }: LabelMap,
  palette: readonly (readonly number[])[],
): Uint8Array {
  checkPixelBytes({ width, height, data }, { what: 'label map', channels: 1 })
  return encode({ width, height, data, channels: 1, depth: 8, palette: palette.map(colour => [...colour]) })
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
