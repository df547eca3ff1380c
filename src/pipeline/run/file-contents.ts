/** @file Short hashes of file contents, reread only when a file may have changed. Imports no torch. */
import { readFile, stat } from 'node:fs/promises'
import { codeOf } from '../../errors.ts'
import { writeFileAtomic } from '../../io/atomic.ts'
import type { Log } from '../../train/log.ts'
import { inParallel } from '../images/in-parallel.ts'
import { hashOfFile } from './file-origin.ts'

/** Hashes of files. A file that is absent or cannot be read has a word in place of a hash. */
export interface FileContents {
  /** Hashes the files, for `of`. */
  read(paths: readonly string[], options: { log: Log }): Promise<void>
  /** The hash of a file that was read. */
  of(path: string): string
  /** Hashes the file anew. */
  again(path: string): Promise<string>
}

/** An entry of the cache file: state of a file when it was read, and its hash. */
type Entry = readonly [size: number, modified: string, changed: string, inode: string, content: string]

const HASH = 32 // digits
const TOLD = 1e9 // bytes; reading more shows its progress
const SETTLED = 3000 // ms; file systems stamp times in steps of up to two seconds: within them a change may not show

/**
 * Hashes cached in the file `cache`. One is valid while size, times and inode of its file are the same, and only if the
 * file was some seconds old when it was read. Without `keep` none is added.
 */
export async function openFileContents(
  cache: string,
  { keep = true }: { keep?: boolean } = {},
): Promise<FileContents> {
  const entries = await readCache(cache)
  const known = new Map<string, string>()
  let changed = false

  async function look(path: string): Promise<{ size: number; read: () => Promise<string> }> {
    try {
      const found = await stat(path, { bigint: true })
      if (!found.isFile()) return at('no file')
      const state = [Number(found.size), String(found.mtimeNs), String(found.ctimeNs), String(found.ino)]
      const entry = entries.get(path)
      if (entry !== undefined && state.every((value, i) => value === entry[i])) return at(entry[4])
      const newest = Math.max(Number(found.mtimeNs / 1_000_000n), Number(found.ctimeNs / 1_000_000n))
      const settled = Date.now() - newest > SETTLED
      const read = async (): Promise<string> => {
        const content = await hashOfFile(path).then(
          hash => hash.slice(0, HASH),
          () => 'unreadable',
        )
        if (settled && content !== 'unreadable') {
          entries.set(path, [...state, content] as unknown as Entry)
          changed = true
        } else if (entries.delete(path)) changed = true
        return content
      }
      return { size: Number(found.size), read }
    } catch (error) {
      return at(['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '') ? 'absent' : 'unreadable')
    }
  }

  return {
    async read(paths, { log }) {
      const open = [...new Set(paths)].filter(path => !known.has(path))
      const looked = new Map<string, Awaited<ReturnType<typeof look>>>()
      await inParallel(open, async path => void looked.set(path, await look(path)))
      const bytes = [...looked.values()].reduce((sum, { size }) => sum + size, 0)
      const megabytes = (count: number): number => Math.ceil(count / 1e6)
      const progress =
        bytes > TOLD
          ? log.progress({ title: 'reading files', total: megabytes(bytes), unit: 'MB' })
          : undefined
      let done = 0
      await inParallel(open, async path => {
        const { size, read } = looked.get(path)!
        known.set(path, await read())
        done += size
        progress?.update(megabytes(done))
      })
      progress?.finish()
      if (!changed || !keep) return
      changed = false
      await writeFileAtomic(cache, JSON.stringify(Object.fromEntries(entries)))
    },
    of(path) {
      return known.get(path) ?? 'unknown'
    },
    async again(path) {
      const { read } = await look(path)
      return read()
    },
  }
}

function at(content: string): { size: number; read: () => Promise<string> } {
  return { size: 0, read: async () => content }
}

async function readCache(path: string): Promise<Map<string, Entry>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (typeof value !== 'object' || value === null) return new Map()
    const isEntry = (entry: unknown): entry is Entry =>
      Array.isArray(entry) && entry.length === 5 && typeof entry[4] === 'string'
    return new Map(Object.entries(value).filter((pair): pair is [string, Entry] => isEntry(pair[1])))
  } catch {
    return new Map()
  }
}
