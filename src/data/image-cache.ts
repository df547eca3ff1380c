/** @file Decoded images and labels kept in memory: every epoch reads the same files again. */

interface Decoded {
  readonly data: Uint8Array
}

/** Decodes a file, or has it in memory. */
export type CachedReader = <T extends Decoded>(
  path: string,
  decode: (path: string) => Promise<T>,
) => Promise<T>

/** What is decoded from files, each by one decoder. */
export interface DecodedFiles {
  readonly read: CachedReader
  /** Bytes to keep at most from now on. */
  limit(bytes: number): void
}

/**
 * Keeps the first files that fit and drops one only where the limit shrinks: every shuffled epoch then finds
 * the same share, where dropping the oldest would find almost none.
 */
export function decodedFiles(): DecodedFiles {
  const kept = new Map<string, Decoded>()
  let bytes = 0
  let most = 0
  return {
    limit(maxBytes) {
      most = maxBytes
      for (const [oldest, { data }] of kept) {
        if (bytes <= most) break
        kept.delete(oldest)
        bytes -= data.byteLength
      }
    },
    async read<T extends Decoded>(path: string, decode: (path: string) => Promise<T>): Promise<T> {
      const known = kept.get(path) as T | undefined
      if (known !== undefined) return known
      const decoded = await decode(path)
      if (bytes + decoded.data.byteLength <= most) {
        kept.set(path, decoded)
        bytes += decoded.data.byteLength
      }
      return decoded
    },
  }
}
