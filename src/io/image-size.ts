/** @file The size of an image from its header alone, so that its memory is known before decoding. */
import { imageHeader } from './image-header.ts'

export interface ImageSize {
  readonly width: number
  readonly height: number
}

export const MAX_PIXELS = 200_000_000 // 600 MB as RGB: twice the largest cameras

/** Size with EXIF rotation applied; undefined when the header is unreadable or the image too large: readImage's error says why. */
export async function imageSize(path: string): Promise<ImageSize | undefined> {
  const header = await imageHeader(path)
  if (header === undefined) return undefined
  const { width, height, orientation = 1 } = header
  if (width * height > MAX_PIXELS) return undefined
  return orientation >= 5 ? { width: height, height: width } : { width, height }
}
