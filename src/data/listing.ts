/** @file Small helpers of the data set readers: folder listings, list files, class names, sentences about names. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../errors.ts'
import { count } from '../io/count.ts'
import { MOST_CLASSES } from '../io/label-values.ts'
import { textOf } from '../io/printable.ts'
import { nearestName } from '../nearest-name.ts'
import { type Fault, FIRST, type Problems } from './problems.ts'
import type { Sample } from './sample.ts'
import { cleanWord, foldWord } from './tag-words.ts'
import { type DecodedText, decodeText } from './text-encoding.ts'

const MOST_BYTES = 100e6 // of a table: a million images have a fifth of it

/** Names in a folder; empty when there is none. */
export async function listFolder(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).filter(name => !name.startsWith('.')).sort()
  } catch (error) {
    if (isMissing(error)) return []
    throw new InputError(path, `cannot be listed (${reasonOf(error)})`, {
      expected: 'make the folder readable for this user',
      cause: error,
    })
  }
}

/** Text of a file without byte order mark, in any encoding that decodeText knows; undefined when there is none. */
export async function readText(path: string): Promise<string | undefined> {
  return (await readDecoded(path))?.text
}

/** As readText, with the encoding. */
export async function readDecoded(path: string): Promise<DecodedText | undefined> {
  let bytes: Uint8Array
  try {
    const found = await stat(path)
    if (!found.isFile()) return undefined // a FIFO would never end
    if (found.size > MOST_BYTES)
      throw new InputError(path, `has ${Math.round(found.size / 1e6)} MB`, {
        expected: `a table or list has at most ${MOST_BYTES / 1e6} MB`,
      })
    bytes = await readFile(path)
  } catch (error) {
    if (isMissing(error)) return undefined
    if (error instanceof InputError) throw error
    throw new InputError(path, `cannot be read (${reasonOf(error)})`, {
      expected: 'make it readable for this user',
      cause: error,
    })
  }
  return decodeText(bytes, path)
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
  const classes = nonEmptyLines(text).map(cleanWord)
  checkClasses(path, classes)
  const seen = new Map<string, string>()
  for (const name of classes) {
    const other = seen.get(foldWord(name))
    if (other !== undefined)
      throw new InputError(path, `names "${other}" and "${name}", which differ in case alone`, {
        field: 'classes',
        expected: 'case does not tell classes apart: rename one, or take it out',
      })
    seen.set(foldWord(name), name)
  }
  return classes
}

/**
 * Throws InputError when the list is empty, repeats a name, counts the background, has a name of several lines, or
 * more names than an 8-bit mask has labels.
 */
export function checkClasses(file: string, classes: readonly string[]): void {
  const refuse = (problem: string, expected: string): InputError =>
    new InputError(file, problem, { field: 'classes', expected })
  const inOrder = 'one name for each foreground class, in the order of the masks (class k is label k + 1)'
  if (classes.length === 0) throw refuse('names no class', inOrder)
  if (classes.length > MOST_CLASSES)
    throw refuse(
      `names ${classes.length} classes`,
      `at most ${MOST_CLASSES} fit masks of 8 bits (0 is the background, 255 no label): leave some out, or join them`,
    )
  const seen = new Set<string>()
  for (const name of classes) {
    if (seen.has(name)) throw refuse(`names "${name}" twice`, inOrder)
    seen.add(name)
    if (name.trim() === '') throw refuse('has a class without a name', inOrder)
    if (hasControls(name))
      throw refuse(
        `has the class ${JSON.stringify(name)}`,
        'a name is one line, without line breaks or control characters',
      )
    if (/^_*background_*$/i.test(name.trim()))
      throw refuse('lists the background, which is always label 0', inOrder)
  }
}

/** Names to sorted indices, also in other case; one that is not in `classes` is a fault, with the nearest name. */
export function classIndices(
  names: readonly string[],
  {
    classes,
    file,
    field,
    problems = FIRST,
  }: { classes: ReadonlyMap<string, number>; file: string; field: string; problems?: Problems },
): number[] {
  const indices = names.flatMap(name => {
    const index = classes.get(name) ?? indexInOtherCase(name, classes)
    if (index !== undefined) return [index]
    const near = nearestName(name, classes.keys())
    const expected =
      near === undefined ? `the classes are ${sample([...classes.keys()], 25)}` : `did you mean "${near}"?`
    problems.fault('unknown-class', new InputError(file, `unknown class "${name}"`, { field, expected }))
    return []
  })
  return [...new Set(indices)].sort((a, b) => a - b)
}

function indexInOtherCase(name: string, classes: ReadonlyMap<string, number>): number | undefined {
  const folded = name.normalize('NFC').toLowerCase()
  const found = [...classes].filter(([other]) => other.normalize('NFC').toLowerCase() === folded)
  return found.length === 1 ? found[0]![1] : undefined
}

/** One warning about images without a mask among others that have one. */
export function maskWarning(without: readonly Pick<Sample, 'id' | 'image'>[], problems: Problems): string[] {
  const names = sample(without.map(({ id }) => id))
  return problems.doubt(
    'no-mask',
    `${count(without.length, 'image', 'has')} no mask (left out of scores): ${names}`,
    () =>
      without.map(({ image }) => ({
        file: image,
        problem: 'has no mask, as others have',
        expected: 'add one to have it scored',
      })),
  )
}

/** An image without tags. */
export function untaggedFault(file: string, problem = 'has no tags'): Fault {
  return { file, problem, expected: 'give it tags: it is not trained on and gets no pseudo mask' }
}

/** One warning about images without tags; none when there are none. `rowless` of them have no row in the table. */
export function untaggedWarning(
  names: readonly string[],
  {
    rowless = 0,
    source = '',
    problems = FIRST,
    each,
  }: { rowless?: number; source?: string; problems?: Problems; each: () => Fault[] },
): string[] {
  const of = names.length === 1 ? 'it' : 'them'
  const rows =
    rowless === names.length ? `row in ${source}, so no tags` : `tags, ${rowless} of them no row in ${source}`
  return names.length === 0
    ? []
    : problems.doubt(
        'untagged',
        `${count(names.length, 'image', 'has')} no ${rowless === 0 ? 'tags' : rows} (not trained on; no CAM and no pseudo mask is made of ${of}): ${sample(names)}`,
        each,
      )
}

/** "a, b, c and 4 more" */
export function sample(names: readonly string[], most = 3): string {
  const shown = names
    .slice(0, most)
    .map(name => (hasControls(name) ? JSON.stringify(name) : name))
    .join(', ')
  return names.length > most ? `${shown} and ${names.length - most} more` : shown
}

/** Whether a name holds characters that would move a terminal's cursor or break a line. */
export function hasControls(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(name)
}

/** A system's error in words. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return REASONS[code] ?? textOf(error)
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'no permission',
  EPERM: 'no permission',
  ELOOP: 'its links form a loop',
  ENAMETOOLONG: 'its name is too long',
  ENOENT: 'it does not exist',
  ESTALE: 'its disk is offline',
  EIO: 'its disk does not answer',
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}
