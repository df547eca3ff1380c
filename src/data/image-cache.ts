/** @file Decoded images kept in memory: every epoch reads the same files again. */
import { type RgbImage, readImage } from '../io/image.ts'

/** Reads an image from memory or from its file; keeps at most `maxBytes` from now on. */
export type ImageReader = (path: string, options: { maxBytes: number }) => Promise<RgbImage>

/**
 * Keeps the first images that fit into `maxBytes` and drops one only where that shrinks: every shuffled epoch then finds
 * the same share, where dropping the oldest would find almost none.
 */
export function cachedReader(): ImageReader {
  const kept = new Map<string, RgbImage>()
  let bytes = 0
  return async (path, { maxBytes }) => {
    for (const [oldest, { data }] of kept) {
      if (bytes <= maxBytes) break
      kept.delete(oldest)
      bytes -= data.byteLength
    }
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
