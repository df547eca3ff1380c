/** @file Decoded images kept in memory: every epoch reads the same files again. */
import { type RgbImage, readImage } from '../io/image.ts'

/** Reads an image from memory or from its file. */
export type ImageReader = (path: string) => Promise<RgbImage>

/**
 * Keeps the first images that fit into `maxBytes` and never drops one: every shuffled epoch then finds
 * the same share, where dropping the oldest would find almost none.
 */
export function cachedReader({ maxBytes }: { maxBytes: number }): ImageReader {
  const kept = new Map<string, RgbImage>()
  let bytes = 0
  return async path => {
    const known = kept.get(path)
    if (known !== undefined) return known
    const image = await readImage(path)
    if (bytes + image.data.byteLength <= maxBytes) {
      kept.set(path, image)
      bytes += image.data.byteLength
    }
    return image
  }
}
