/**
 * @file Files from the network, whole and checked or not at all: resumed where a connection ends, one process at a time, the
 * checksum verified before the file has its name. Imports node and io alone.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf, InputError } from '../errors.ts'
import { explainWriteError } from './atomic.ts'
import { download, type FetchProgress } from './download.ts'
import { isAbandoned, writerName } from './temporary-name.ts'

export interface FetchOptions {
  /** Hexadecimal SHA-256 of the file, or its first digits; without, only its length is verified, and nothing is resumed. */
  readonly sha256?: string | undefined
  /** Length of the file. */
  readonly bytes?: number | undefined
  /** Ends the fetch; what is there is resumed by the next. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: FetchProgress) => void
  /** Called once when another process is fetching the same file. */
  readonly onWait?: () => void
  /** Before the second try after a lost connection, ms; doubled for each further one. */
  readonly retryDelay?: number
  /** A connection that gives nothing for so long is lost, ms. */
  readonly patience?: number
}

const POLL = 200 // ms
const UNREADABLE_FOR = 10_000 // ms: a lock without a writer's name and older than this is of a process that died

/**
 * Fetches `address` into `path`, unless it is there; its folder is made. Throws InputError naming `address` (no network, not
 * found, wrong length or checksum) or `path` (disk), saying how to fetch it by hand.
 */
export async function fetchFile(address: string, path: string, options: FetchOptions = {}): Promise<void> {
  const { signal, onWait } = options
  const folder = dirname(path)
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    if (codeOf(error) === 'EEXIST')
      throw new InputError(folder, 'is not a folder', { expected: 'move it elsewhere' })
    throw explainWriteError(folder, error)
  })
  let waits = false
  while (!(await isThere(path))) {
    signal?.throwIfAborted()
    const release = await lock(`${path}.lock`)
    if (release === undefined) {
      if (!waits) onWait?.()
      waits = true
      await sleep(POLL, undefined, { ...(signal !== undefined && { signal }) })
      continue
    }
    try {
      if (!(await isThere(path))) await fetchPart(address, path, options)
    } finally {
      await release()
    }
  }
}

/** Whether the file has this SHA-256, or one that begins so. */
export async function hasChecksum(path: string, sha256: string): Promise<boolean> {
  return (await checksumOf(path)).startsWith(sha256.toLowerCase())
}

async function fetchPart(address: string, path: string, options: FetchOptions): Promise<void> {
  const { sha256, bytes } = options
  const part = `${path}.${writerName()}.part`
  const resumed = sha256 !== undefined && (await adopt(path, part))
  const refuse = async (problem: string): Promise<never> => {
    await rm(part, { force: true })
    throw new InputError(address, problem, {
      expected: `another file is there, or something on the way changes it; what came was removed: fetch it elsewhere and put it at ${path}`,
    })
  }
  try {
    const total = await download(address, part, { ...options, file: path })
    const { size } = await stat(part)
    const wanted = bytes ?? total
    if (wanted !== undefined && size !== wanted) await refuse(`has ${size} bytes, not ${wanted}`)
    const found = sha256 === undefined ? '' : await checksumOf(part)
    if (!found.startsWith(sha256?.toLowerCase() ?? '')) {
      if (!resumed) await refuse(`has the SHA-256 ${found.slice(0, sha256!.length)}, not ${sha256}`)
      return await rm(part, { force: true }) // the beginning may be of another file: once more from the start
    }
    await rename(part, path)
  } catch (error) {
    if (sha256 === undefined || (await sizeOf(part)) === 0) await rm(part, { force: true }) // nothing can go on from it
    throw explainWriteError(path, error)
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size
}

/** Takes over what a process that has ended has fetched of the file; false for nothing. */
async function adopt(path: string, part: string): Promise<boolean> {
  const folder = dirname(path)
  const prefix = `${basename(path)}.`
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(prefix) || !name.endsWith('.part')) continue
    const old = join(folder, name)
    if (!(await isAbandoned(old, name.slice(prefix.length, -'.part'.length)))) continue
    const mine = await rename(old, part).then(
      () => true,
      () => false,
    )
    if (mine) return true
  }
  return false
}

/** One process at a time, so that a file is not fetched twice; each has a part of its own, so a lock that fails harms nothing. */
async function lock(path: string): Promise<(() => Promise<void>) | undefined> {
  const text = writerName()
  try {
    const file = await open(path, 'wx')
    try {
      await file.writeFile(text)
    } finally {
      await file.close()
    }
    return async () => {
      const found = await readFile(path, 'utf8').catch(() => undefined)
      if (found === text) await rm(path, { force: true })
    }
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw explainWriteError(path, error)
    const found = await readFile(path, 'utf8').catch(() => undefined)
    if (found !== undefined && (await isStale(path, found))) await rm(path, { force: true })
    return undefined
  }
}

async function isStale(path: string, text: string): Promise<boolean> {
  if (text !== '') return isAbandoned(path, text)
  const found = await stat(path).catch(() => undefined)
  return found !== undefined && Date.now() - found.mtimeMs > UNREADABLE_FOR
}

async function isThere(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  if (found !== undefined && !found.isFile())
    throw new InputError(path, 'is in the way of the file to fetch', { expected: 'move it elsewhere' })
  return found !== undefined
}

async function checksumOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk)
  return hash.digest('hex')
}
