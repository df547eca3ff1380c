/** @file The tags of a folder of pictures: tags.csv (`file,tags`, tags separated by `;`) or tags.json. */
import { join } from 'node:path'
import { z } from 'zod'
import { InputError } from '../errors.ts'
import { parseCsv } from './csv.ts'
import { picturesHave, readText, sample } from './listing.ts'

/** What one picture's row says; `where` names the row in messages. */
export interface TagRow {
  readonly file: string
  readonly tags: readonly string[]
  readonly split: string | undefined
  readonly where: string
}

/** `splits` tells whether the file has a split column. */
export interface TagFile {
  readonly path: string
  readonly rows: ReadonlyMap<string, TagRow>
  readonly splits: boolean
  readonly warnings: readonly string[]
}

/** Reads tags.csv, else tags.json; undefined when the folder has neither. Throws InputError naming the line. */
export async function readTagFile(root: string): Promise<TagFile | undefined> {
  const csv = join(root, 'tags.csv')
  const csvText = await readText(csv)
  if (csvText !== undefined) return collect(csv, csvRows(csv, csvText))
  const json = join(root, 'tags.json')
  const jsonText = await readText(json)
  return jsonText === undefined ? undefined : collect(json, jsonRows(json, jsonText))
}

const HEADER = 'the first line must be "file,tags" (a column "split" may follow), tags separated by ";"'

function csvRows(path: string, text: string): TagRow[] {
  const [header, ...records] = parseCsv(text, path)
  const columns = header?.fields.map(name => name.trim().toLowerCase()) ?? []
  const [file, tags, split] = ['file', 'tags', 'split'].map(name => columns.indexOf(name)) as [
    number,
    number,
    number,
  ]
  if (file < 0 || tags < 0) {
    const problem = columns.length === 0 ? 'is empty' : `begins with "${header?.fields.join(',')}"`
    throw new InputError(path, problem, { field: 'header', expected: HEADER })
  }
  return records.map(({ line, fields }) => {
    if (fields.length !== columns.length)
      throw new InputError(path, `has ${fields.length} fields where the header has ${columns.length}`, {
        field: `line ${line}`,
        expected: 'separate tags by ";", and quote a name that holds a comma',
      })
    return {
      file: fields[file]!.trim(),
      tags: splitTags(fields[tags]!),
      split: fields[split]?.trim(),
      where: `line ${line}`,
    }
  })
}

const Tags = z.array(z.string())
const Json = z.union([
  z.record(z.string(), Tags),
  z.array(z.strictObject({ file: z.string(), tags: Tags, split: z.string().optional() })),
])

function jsonRows(path: string, text: string): TagRow[] {
  const expected = 'write {"picture.jpg": ["tag", "tag"]} or [{"file": "picture.jpg", "tags": ["tag"]}]'
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new InputError(path, `is not JSON (${cause instanceof Error ? cause.message : ''})`, {
      expected,
      cause,
    })
  }
  const parsed = Json.safeParse(value)
  if (!parsed.success) throw new InputError(path, 'does not have the form of a tag file', { expected })
  const rows = Array.isArray(parsed.data)
    ? parsed.data
    : Object.entries(parsed.data).map(([file, tags]) => ({ file, tags, split: undefined }))
  return rows.map(({ file, tags, split }) => ({
    file,
    tags: tags.map(tag => tag.trim()).filter(tag => tag !== ''),
    split,
    where: file,
  }))
}

function collect(path: string, list: readonly TagRow[]): TagFile {
  const rows = new Map<string, TagRow>()
  const repeated: string[] = []
  for (const row of list) {
    const file = row.file.replaceAll('\\', '/').replace(/^\.?\//, '')
    if (file === '') throw new InputError(path, 'names no file', { field: row.where, expected: HEADER })
    const known = rows.get(file)
    if (known !== undefined && !sameTags(known, row))
      throw new InputError(path, `${file} stands here and at ${known.where} with other tags`, {
        field: row.where,
        expected: 'give each picture one row',
      })
    if (known !== undefined) repeated.push(file)
    rows.set(file, { ...row, file })
  }
  const warnings =
    repeated.length === 0
      ? []
      : [`${path}: ${picturesHave(repeated.length)} the same row twice: ${sample(repeated)}`]
  return { path, rows, splits: list.some(({ split }) => split !== undefined && split !== ''), warnings }
}

function splitTags(field: string): string[] {
  return field
    .split(';')
    .map(tag => tag.trim())
    .filter(tag => tag !== '')
}

function sameTags(a: TagRow, b: TagRow): boolean {
  return a.split === b.split && [...a.tags].sort().join(';') === [...b.tags].sort().join(';')
}
