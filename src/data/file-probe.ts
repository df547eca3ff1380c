/** @file Whether files can still be opened: distinguishes an offline share from a few bad files. Imports nothing. */
import { constants, open } from 'node:fs/promises'

/** True when not one of the files can be opened and holds a byte. */
export async function noneReadable(paths: readonly string[]): Promise<boolean> {
  for (const path of paths) if (await hasByte(path)) return false
  return true
}

/** At most `count` items, evenly over the list. */
export function sampleEvenly<T>(items: readonly T[], count: number): T[] {
  const taken = Math.min(count, items.length)
  return Array.from({ length: taken }, (_, i) => items[Math.floor((i * items.length) / taken)]!)
}

async function hasByte(path: string): Promise<boolean> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK) // no wait for the writer of a pipe
    try {
      return (await file.read(Buffer.alloc(1), 0, 1, 0)).bytesRead === 1
    } finally {
      await file.close()
    }
  } catch {
    return false
  }
}
