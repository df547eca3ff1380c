/** @file Images in and out: the pixels a Pillow user would get, EXIF rotation applied, no colour management. */
import { extname } from 'node:path'
import { InputError } from '../errors.ts'
import { writeFileAtomic } from './atomic.ts'
import { Budget, megabytes } from './budget.ts'
import { imageKind } from './image-kind.ts'
import { MAX_PIXELS } from './image-size.ts'
import { checkPixelBytes } from './pixel-bytes.ts'
import { textOf } from './printable.ts'
import { readRange, withFile } from './read-range.ts'
import { loadSharp, type Metadata, type Sharp, sharp } from './sharp.ts'

/** 8-bit RGB image, `data` is height * width * 3 (HWC). */
export interface RgbImage {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

const MAX_FILE_BYTES = 2 ** 31 - 1 // what decoders take; 200 megapixels of 16 bits, not packed, are 1.2 GB

const READABLE = 'a JPEG, PNG or WebP image is needed (TIFF, GIF and AVIF are read too)'

/**
 * Decodes an image to RGB: grey is repeated, alpha dropped, 16 bits cut to 8, CMYK converted as Pillow does
 * (no ICC profile is applied); of several pages or frames the first. Throws InputError on a missing, empty, truncated,
 * foreign or too large file, and on one that is no regular file.
 */
export async function readImage(path: string): Promise<RgbImage> {
  return decodeFile(path, (bytes, { space }) => (space === 'cmyk' ? decodeCmyk(bytes) : decodeRgb(bytes)))
}

/** What `decode` makes of a file that is an image of a usable kind and size. Throws as `readImage`. */
export async function decodeFile<T>(
  path: string,
  decode: (bytes: Uint8Array, metadata: Metadata) => Promise<T>,
): Promise<T> {
  const bytes = await readBytes(path)
  loadSharp()
  try {
    const metadata = await openImage(bytes).metadata()
    checkMetadata(path, metadata)
    Budget.forPixels(path, bytes.byteLength).spend(3 * metadata.width * metadata.height, 'pixels')
    return await decode(bytes, metadata)
  } catch (cause) {
    if (cause instanceof InputError) throw cause
    throw new InputError(path, `cannot be decoded (${textOf(cause)})`, { expected: READABLE, cause })
  }
}

/** Writes an image as PNG or JPEG, by the ending of `path`, atomically. `quality` (1 to 100) is JPEG's. */
export async function writeImage(
  path: string,
  image: RgbImage,
  { quality = 92 }: { quality?: number } = {},
): Promise<void> {
  await writeFileAtomic(path, await encodeImage(image, { format: formatOf(path), quality }))
}

/** Encodes an image as PNG or JPEG bytes, for example to embed it in a report. */
export async function encodeImage(
  { width, height, data }: RgbImage,
  { format = 'png', quality = 92 }: { format?: 'png' | 'jpeg'; quality?: number } = {},
): Promise<Uint8Array> {
  checkPixelBytes({ width, height, data }, { what: 'image', channels: 3 })
  const sample = sharp(data, { raw: { width, height, channels: 3 } })
  return format === 'png' ? sample.png().toBuffer() : sample.jpeg({ quality }).toBuffer()
}

/** A size with its longer side at most `side` pixels; itself where it is no larger. */
export function reducedSize(
  { width, height }: { readonly width: number; readonly height: number },
  side: number,
): { width: number; height: number } {
  const ratio = Math.min(1, side / Math.max(width, height))
  return { width: Math.max(1, Math.round(width * ratio)), height: Math.max(1, Math.round(height * ratio)) }
}

/** The image with its longer side at most `side` pixels, averaged down; itself where it is no larger. */
export async function reducedImage(image: RgbImage, side: number): Promise<RgbImage> {
  const { width, height } = reducedSize(image, side)
  if (width === image.width && height === image.height) return image
  const raw = { width: image.width, height: image.height, channels: 3 as const }
  const data = await sharp(image.data, { raw }).resize(width, height, { fit: 'fill' }).raw().toBuffer()
  return { width, height, data }
}

function formatOf(path: string): 'png' | 'jpeg' {
  const ending = extname(path).toLowerCase()
  if (ending === '.png') return 'png'
  if (ending === '.jpg' || ending === '.jpeg') return 'jpeg'
  throw new InputError(path, `cannot write an image with the ending "${ending}"`, {
    expected: 'use .png, .jpg or .jpeg',
  })
}

async function readBytes(path: string): Promise<Uint8Array> {
  const bytes = await withFile(path, (file, size) => {
    if (size === 0) throw new InputError(path, 'is empty (0 bytes)', { expected: READABLE })
    if (size > MAX_FILE_BYTES) {
      const expected = `at most ${megabytes(MAX_FILE_BYTES)} are read: save it smaller, as JPEG`
      throw new InputError(path, `has ${megabytes(size)}`, { expected })
    }
    return readRange(path, file, 0, size)
  }).catch((cause: unknown) => {
    if (cause instanceof InputError && cause.message !== `${path}: does not exist`) throw cause
    const what = cause instanceof InputError ? 'it does not exist' : textOf(cause)
    throw new InputError(path, `cannot be read (${what})`, { cause })
  })
  const kind = imageKind(bytes)
  if (kind === undefined)
    throw new InputError(path, 'cannot be decoded (it does not begin like an image)', { expected: READABLE })
  if (!kind.readable)
    throw new InputError(path, `is ${kind.name}, which cannot be read`, {
      expected: 'convert it to JPEG or PNG',
    })
  return bytes
}

/** From the header, before anything is decoded. */
function checkMetadata(path: string, { width, height, depth, channels, space }: Metadata): void {
  if (width * height > MAX_PIXELS) {
    const expected = `at most ${MAX_PIXELS / 1e6} million are read: make it smaller`
    throw new InputError(path, `the image has ${width} x ${height} pixels`, { expected })
  }
  if (depth !== 'uchar' && depth !== 'ushort') {
    const expected = 'save it with 8 or 16 bits for each channel'
    throw new InputError(path, `its pixels are of the type ${depth}, whose black and white nobody knows`, {
      field: 'pixels',
      expected,
    })
  }
  if (channels > 4 && space !== 'cmyk') {
    const expected = 'save it as RGB or grey'
    throw new InputError(path, `has ${channels} channels`, { field: 'channels', expected })
  }
}

/** A decoder that refuses what is truncated and turns images upright. */
export function openImage(bytes: Uint8Array): Sharp {
  // failOn error: a truncated file is refused, as Pillow does; stray bytes between markers are not
  return sharp(bytes, { failOn: 'error', limitInputPixels: false, ignoreIcc: true, autoOrient: true })
}

/**
 * Decodes an image to its end and keeps no pixels. Rejects where readImage would. The last row needs all before it, but
 * in TIFF, whose tiles and strips are independent.
 */
export async function decodeToEnd(bytes: Uint8Array, { format, height }: Metadata): Promise<void> {
  const whole = sharp(bytes, { failOn: 'error', limitInputPixels: false, ignoreIcc: true })
  const last = { left: 0, top: height - 1, width: 1, height: 1 }
  await (format === 'tiff' ? whole : whole.extract(last)).raw().toBuffer()
}

async function decodeRgb(bytes: Uint8Array): Promise<RgbImage> {
  const { data, info } = await openImage(bytes)
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, data: rgbOf(data, info.channels) }
}

function rgbOf(data: Buffer, channels: number): Uint8Array {
  if (channels === 3) return new Uint8Array(data.buffer, data.byteOffset, data.length)
  const rgb = new Uint8Array((data.length / channels) * 3)
  for (let from = 0, to = 0; to < rgb.length; from += channels, to += 3) rgb.fill(data[from]!, to, to + 3) // grey
  return rgb
}

/** Pillow's CMYK to RGB: v * (1 - k) in rounded 8-bit arithmetic (Convert.c, cmyk2rgb). */
export async function decodeCmyk(bytes: Uint8Array): Promise<RgbImage> {
  const { data, info } = await openImage(bytes)
    .pipelineColourspace('cmyk')
    .toColourspace('cmyk')
    .raw()
    .toBuffer({ resolveWithObject: true })
  const rgb = new Uint8Array(info.width * info.height * 3)
  for (let from = 0, to = 0; to < rgb.length; from += info.channels, to += 3) {
    const light = 255 - data[from + 3]!
    for (let c = 0; c < 3; c++) {
      const product = data[from + c]! * light + 128
      rgb[to + c] = Math.max(0, light - (((product >> 8) + product) >> 8))
    }
  }
  return { width: info.width, height: info.height, data: rgb }
}
