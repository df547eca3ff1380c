/** @file The regular files below a folder: links followed once, hidden ones skipped, unlistable ones named. */
import type { Dirent, Stats } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../errors.ts'
import { isLitter } from './image-endings.ts'
import { hasControls, reasonOf } from './listing.ts'

export interface FileTree {
  /** Paths below the folder with forward slashes, sorted. */
  readonly files: readonly string[]
  /** Entries left out, each with its reason: "pipe.jpg (a pipe)". Names are safe to print. */
  readonly leftOut: readonly string[]
}

/** Lists a folder. Throws InputError when it does not exist, is no folder, or cannot be listed. */
export async function listTree(
  folder: string,
  { expected, skip = () => false }: { expected: string; skip?: (path: string) => boolean },
): Promise<FileTree> {
  const found = await statOf(folder, expected)
  if (found === undefined) throw new InputError(folder, 'no such folder', { expected })
  if (!found.isDirectory()) throw new InputError(folder, 'is a file, not a folder', { expected })
  const files: string[] = []
  const leftOut: string[] = []
  const links: string[] = [] // to folders, after all that are really there
  const visited = new Set<string>([identity(found)])

  const place = async (path: string, entry: Dirent): Promise<void> => {
    if (isLitter(entry.name) || skip(path)) return
    const problem = nameProblem(entry.name)
    if (problem !== undefined) {
      leftOut.push(`${JSON.stringify(path)} (${problem})`)
      return
    }
    if (files.length + leftOut.length >= MOST_FILES)
      throw new InputError(folder, `holds more than ${MOST_FILES} files`, { expected })
    if (entry.isFile()) files.push(path)
    else if (entry.isDirectory()) await list(path)
    else if (entry.isSymbolicLink()) await follow(path)
    else leftOut.push(`${path} (${kindOf(entry)})`)
  }
  const follow = async (path: string): Promise<void> => {
    try {
      const target = await stat(join(folder, path))
      if (target.isDirectory()) links.push(path)
      else if (target.isFile()) files.push(path)
      else leftOut.push(`${path} (${kindOf(target)})`)
    } catch (error) {
      leftOut.push(`${path} (a link: ${reasonOf(error)})`)
    }
  }
  const list = async (path: string): Promise<void> => {
    let entries: Dirent[]
    try {
      const at = path === '' ? folder : join(folder, path)
      if (path !== '') visited.add(identity(await stat(at)))
      entries = await readdir(at, { withFileTypes: true })
    } catch (error) {
      const problem = `cannot be listed (${reasonOf(error)})`
      if (path === '') throw new InputError(folder, problem, { expected: READABLE, cause: error })
      leftOut.push(`${path}/ (${problem})`)
      return
    }
    for (const entry of entries) await place(path === '' ? entry.name : `${path}/${entry.name}`, entry)
  }

  await list('')
  for (let next = links.sort().shift(); next !== undefined; next = links.sort().shift()) {
    const target = await stat(join(folder, next)).catch(() => undefined)
    if (target === undefined) continue
    if (visited.has(identity(target))) leftOut.push(`${next}/ (a link to a folder that is listed already)`)
    else await list(next)
  }
  return { files: files.sort(), leftOut: leftOut.sort() }
}

const MOST_FILES = 5_000_000 // more than any data set; a whole disk given by mistake
const READABLE = 'make the folder readable for this user'

/** Undefined when the path does not exist. Throws InputError when it cannot be read. */
export async function statOf(path: string, expected: string): Promise<Stats | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new InputError(path, `cannot be read (${reasonOf(error)})`, { expected, cause: error })
  }
}

function identity({ dev, ino }: Stats): string {
  return `${dev}:${ino}`
}

function kindOf(entry: Dirent | Stats): string {
  if (entry.isFIFO()) return 'a pipe'
  if (entry.isSocket()) return 'a socket'
  return entry.isBlockDevice() || entry.isCharacterDevice() ? 'a device' : 'no regular file'
}

function nameProblem(name: string): string | undefined {
  if (hasControls(name)) return 'its name has control characters'
  return name.includes('\ufffd') ? 'its name is not UTF-8' : undefined
}
