/** @file Tags in JSON: {"a.jpg": ["cat"]}, [{"file": "a.jpg", "tags": ["cat"]}], {"cat": ["a.jpg"]}, one object a line. */
import { basename } from 'node:path'
import { InputError } from '../errors.ts'
import { MAX_ENTRIES } from '../io/budget.ts'
import { textOf } from '../io/printable.ts'
import { FIRST, type Problems } from './problems.ts'
import { FILE_NAMES, PERHAPS_FILES, SPLIT_NAMES, TAG_NAMES } from './tag-columns.ts'
import type { TableContext, TagRow, TagRows } from './tag-table.ts'
import { type Cell, cleanWord, foldWord, splitCells } from './tag-words.ts'

const EXPECTED = 'write {"image.jpg": ["tag", "tag"]} or [{"file": "image.jpg", "tags": ["tag"]}]'

const WHOLE = 'export it again: one whole JSON, not cut short, without NaN or Infinity'

interface Entry {
  readonly file: string
  readonly tags: unknown
  readonly split: string | undefined
  readonly where: string
}

/** Throws InputError for what is no JSON, has another form, or names one image twice as a key; an entry of another form is a fault. */
export function jsonRows(path: string, text: string, context: TableContext): TagRows {
  const { problems = FIRST } = context
  const entries = entriesOf(path, parse(path, text), context)
  if (entries.length > MAX_ENTRIES)
    throw new InputError(path, `has ${entries.length} entries`, {
      expected: `at most ${MAX_ENTRIES} are read`,
    })
  const words = entries.flatMap(({ tags, where }, row) =>
    tagWords(path, tags, { where, problems }).map(cell => ({ ...cell, row })),
  )
  const texts = words.filter(({ whole }) => !whole)
  const { tags } = splitCells(texts, { file: path, ...context })
  const split = new Map(texts.map((cell, i) => [cell, tags[i]!]))
  const byRow = entries.map((): string[] => [])
  for (const cell of words)
    for (const tag of split.get(cell) ?? [cleanWord(cell.text)]) byRow[cell.row]!.push(tag) // perhaps many
  const rows = entries.map(
    ({ file, split: part, where }, row): TagRow => ({
      file,
      tags: byRow[row]!.filter(tag => tag !== ''),
      split: part,
      where,
    }),
  )
  return { rows, exclusive: false, notes: [] }
}

function parse(path: string, text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    const twice = repeatedKey(text)
    if (twice === undefined) return value
    throw new InputError(path, `names ${twice} twice`, { expected: 'give each image one entry' })
  } catch (cause) {
    if (cause instanceof InputError) throw cause
    const lines = text.split(/\r\n|\r|\n/).filter(line => line.trim() !== '')
    if (lines.length > 1 && lines.every(line => line.trimStart().startsWith('{'))) {
      try {
        return lines.map((line): unknown => JSON.parse(line))
      } catch {
        // the message about the whole file is better
      }
    }
    throw new InputError(path, `is not JSON (${textOf(cause)})`, {
      expected: /^(?:tags|labels)\.jsonl?$/i.test(basename(path)) ? EXPECTED : WHOLE,
      cause,
    })
  }
}

/** A key that the outermost object has twice: JSON.parse silently keeps the last. */
function repeatedKey(text: string): string | undefined {
  const seen = new Set<string>()
  let depth = 0
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"\s*:?|[[\]{}]/gs)) {
    if (token === '{' || token === '[') depth++
    else if (token === '}' || token === ']') depth--
    else if (depth === 1 && token.endsWith(':')) {
      const key = String(JSON.parse(token.slice(0, -1)))
      if (seen.has(key)) return `"${key}"`
      seen.add(key)
    }
  }
  return undefined
}

function entriesOf(path: string, value: unknown, context: TableContext): Entry[] {
  const { isImage, problems = FIRST } = context
  if (Array.isArray(value))
    return value.flatMap((entry, i) => listEntry(path, entry, { where: `entry ${i + 1}`, problems }))
  if (!isRecord(value)) throw otherForm(path)
  const pairs = Object.entries(value)
  const lists = pairs.filter(([, list]) => Array.isArray(list) && list.length > 0 && list.every(isRecord))
  if (lists.length === 1 && pairs.length === 1) return entriesOf(path, lists[0]![1], context)
  const isClassOfFiles = ([key, list]: [string, unknown]): boolean =>
    !isImage(key) &&
    Array.isArray(list) &&
    list.length > 0 &&
    list.every(name => typeof name === 'string' && isImage(name))
  if (pairs.length > 0 && pairs.every(isClassOfFiles))
    return pairs.flatMap(([name, list]) =>
      (list as string[]).map(file => ({ file, tags: [name], split: undefined, where: name })),
    )
  return pairs.map(([file, tags]) => {
    const inner = isRecord(tags) ? fieldsOf(tags) : undefined
    return inner?.tags === undefined
      ? { file, tags, split: undefined, where: file }
      : { file, tags: inner.tags, split: inner.split, where: file }
  })
}

interface EntryPlace {
  readonly where: string
  readonly problems: Problems
}

/** None for an entry that is none. */
function listEntry(path: string, entry: unknown, { where, problems }: EntryPlace): Entry[] {
  const fields = isRecord(entry) ? fieldsOf(entry) : {}
  if (typeof fields.file === 'string' && fields.tags !== undefined)
    return [{ file: fields.file, tags: fields.tags, split: fields.split, where: fields.file }]
  problems.fault('bad-row', otherForm(path, where))
  return []
}

function otherForm(path: string, field?: string): InputError {
  return new InputError(path, 'does not have the form of a tag file', {
    ...(field !== undefined && { field }),
    expected: EXPECTED,
  })
}

/** The values of an object by the names that columns of a table may have. */
function fieldsOf(entry: Readonly<Record<string, unknown>>): {
  file?: unknown
  tags?: unknown
  split?: string
} {
  const keys = new Map(Object.keys(entry).map(key => [foldWord(key).replace(/[\s_-]+/g, ''), key]))
  const find = (names: readonly string[]): unknown => {
    const name = names.find(known => keys.has(known))
    return name === undefined ? undefined : entry[keys.get(name)!]
  }
  const split = find(SPLIT_NAMES)
  return {
    file: find([...FILE_NAMES, ...PERHAPS_FILES]),
    tags: find(TAG_NAMES),
    ...(typeof split === 'string' && { split }),
  }
}

/** `whole`: an entry of a list, which is one tag. */
function tagWords(
  path: string,
  tags: unknown,
  { where, problems }: EntryPlace,
): (Cell & { readonly whole: boolean })[] {
  const word = (value: unknown, whole: boolean): (Cell & { readonly whole: boolean })[] => {
    if (typeof value === 'string' || typeof value === 'number') return [{ text: String(value), where, whole }]
    problems.fault('bad-row', otherForm(path, where))
    return []
  }
  if (tags === null) return []
  if (Array.isArray(tags)) return tags.flatMap(tag => word(tag, true))
  const chosen = isRecord(tags) ? Object.entries(tags) : undefined
  if (chosen?.every(([, is]) => typeof is === 'boolean' || is === 0 || is === 1))
    return chosen.filter(([, is]) => Boolean(is)).flatMap(([name]) => word(name, true))
  return word(tags, false)
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
