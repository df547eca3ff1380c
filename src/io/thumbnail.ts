/** @file Small images for a page, as WebP, areas as PNG: quick to make, for looking at, not byte for byte what Pillow gives. */
import { decodeCmyk, decodeFile, openImage, type RgbImage } from './image.ts'
import { encodeIndexed } from './indexed-png.ts'
import type { LabelColour } from './label-legend.ts'
import { type Sharp, sharp } from './sharp.ts'

/** Of sharp's efforts the one that takes least: less than half of the time for scores, a third less for photos. */
const QUICK = 0

export interface Thumbnail {
  readonly webp: Uint8Array
  /** Of the image itself, upright. */
  readonly own: { readonly width: number; readonly height: number }
}

/** An image with its longer side reduced to `side` pixels; JPEG is decoded at a reduced size. Throws as `readImage`. */
export async function readThumbnail(
  path: string,
  { side, quality = 72 }: { side: number; quality?: number },
): Promise<Thumbnail> {
  return decodeFile(path, async (bytes, { space, autoOrient: { width, height } }) => {
    const decoder = space === 'cmyk' ? ofPixels(await decodeCmyk(bytes)) : openImage(bytes)
    const small = reduced(decoder, side).removeAlpha().toColourspace('srgb')
    return { webp: await small.webp({ quality, effort: QUICK }).toBuffer(), own: { width, height } }
  })
}

/** Encodes an image with its longer side reduced to `side` pixels, at most. */
export async function encodeSmall(
  image: RgbImage,
  { side, quality = 80 }: { side: number; quality?: number },
): Promise<Uint8Array> {
  return reduced(ofPixels(image), side).webp({ quality }).toBuffer()
}

/** Encodes 8-bit RGBA [height, width, 4] without loss; only the colours of clear pixels are lost. */
export async function encodeClear({
  width,
  height,
  data,
}: {
  width: number
  height: number
  data: Uint8Array
}): Promise<Uint8Array> {
  return sharp(data, { raw: { width, height, channels: 4 } })
    .webp({ lossless: true, effort: QUICK })
    .toBuffer()
}

/** Indices of `colours`, at most 256, [height, width]; index 0 is clear. */
export interface ColouredAreas {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
  readonly colours: readonly LabelColour[]
}

/** Encodes areas as a palette PNG. */
export function encodeAreas({ colours, ...areas }: ColouredAreas): Uint8Array {
  return encodeIndexed(
    areas,
    colours.map((colour, index) => [...colour, index === 0 ? 0 : 255]),
  )
}

function reduced(image: Sharp, side: number): Sharp {
  return image.resize(side, side, { fit: 'inside', withoutEnlargement: true })
}

function ofPixels({ width, height, data }: RgbImage): Sharp {
  return sharp(data, { raw: { width, height, channels: 3 } })
}
