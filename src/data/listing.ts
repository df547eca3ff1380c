/** @file Small helpers of the data set readers: folder listings, list files, class names, sentences about names. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../errors.ts'
import { nearestName } from '../nearest-name.ts'

/** Names in a folder; empty when there is none. */
export async function listFolder(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).filter(name => !name.startsWith('.')).sort()
  } catch (error) {
    if (isMissing(error)) return []
    throw new InputError(path, 'cannot be listed', { cause: error })
  }
}

/** Text of a file without byte order mark; undefined when there is none. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).replace(/^\uFEFF/, '')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw new InputError(path, 'cannot be read', { cause: error })
  }
}

/** Lines that hold something, trimmed; any line ending. */
export function nonEmptyLines(text: string): string[] {
  return text
    .split(/\r\n|\r|\n/)
    .map(line => line.trim())
    .filter(line => line !== '')
}

/** Class names of `classes.txt`, one a line; undefined when there is none. */
export async function readClassFile(root: string): Promise<string[] | undefined> {
  const path = join(root, 'classes.txt')
  const text = await readText(path)
  if (text === undefined) return undefined
  const classes = nonEmptyLines(text)
  checkClasses(path, classes)
  return classes
}

/** Throws InputError when the list is empty, repeats a name, or counts the background. */
export function checkClasses(file: string, classes: readonly string[]): void {
  const expected = 'one name for each foreground class, in the order of the masks (class k is label k + 1)'
  if (classes.length === 0) throw new InputError(file, 'names no class', { field: 'classes', expected })
  const repeated = classes.find((name, index) => classes.indexOf(name) !== index)
  if (repeated !== undefined)
    throw new InputError(file, `names "${repeated}" twice`, { field: 'classes', expected })
  if (classes[0]?.toLowerCase() === 'background')
    throw new InputError(file, 'lists the background, which is always label 0', {
      field: 'classes',
      expected,
    })
}

/** Names to sorted indices. Throws InputError with the nearest name on one that is not in `classes`. */
export function classIndices(
  names: readonly string[],
  { classes, file, field }: { classes: ReadonlyMap<string, number>; file: string; field: string },
): number[] {
  const indices = names.map(name => {
    const index = classes.get(name)
    if (index !== undefined) return index
    const near = nearestName(name, classes.keys())
    throw new InputError(file, `unknown class "${name}"`, {
      field,
      expected:
        near === undefined ? `the classes are ${sample([...classes.keys()], 25)}` : `did you mean "${near}"?`,
    })
  })
  return [...new Set(indices)].sort((a, b) => a - b)
}

/** "a, b, c and 4 more" */
export function sample(names: readonly string[], most = 3): string {
  const shown = names.slice(0, most).join(', ')
  return names.length > most ? `${shown} and ${names.length - most} more` : shown
}

/** "1 picture has", "2 pictures have" */
export function picturesHave(count: number): string {
  return count === 1 ? '1 picture has' : `${count} pictures have`
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}
