/** @file The size of an image, told by its header alone: what memory it will take is known before it is decoded. */
import { stat } from 'node:fs/promises'
import sharp from 'sharp'

export interface ImageSize {
  readonly width: number
  readonly height: number
}

export const MAX_PIXELS = 200_000_000 // 600 MB as RGB: twice the largest cameras

/** As the image is read, EXIF rotation applied; undefined where the header says nothing or more than is read: reading it will tell why. */
export async function imageSize(path: string): Promise<ImageSize | undefined> {
  const found = await stat(path).catch(() => undefined)
  if (!found?.isFile()) return undefined // a pipe would be waited for
  const header = await sharp(path, { limitInputPixels: false })
    .metadata()
    .catch(() => undefined)
  if (header === undefined) return undefined
  const { width, height, orientation = 1 } = header
  if (width * height > MAX_PIXELS) return undefined
  return orientation >= 5 ? { width: height, height: width } : { width, height }
}
