/** @file The tags of a folder of images: tags.csv, tags.tsv, tags.txt or tags.json, in any dialect of spreadsheets and programs. */
import { join } from 'node:path'
import { hasImageEnding } from './image-endings.ts'
import { listFolder, readDecoded, sample } from './listing.ts'
import { FIRST, type Problems } from './problems.ts'
import { jsonRows } from './tag-json.ts'
import { cleanRows, uniteRows } from './tag-rows.ts'
import { type TableContext, type TagRow, tableRows } from './tag-table.ts'
import { foldWord } from './tag-words.ts'

export type { TagRow } from './tag-table.ts'

/** `splits` tells whether the file has a split column; `notes` say how it was read. */
export interface TagFile {
  readonly path: string
  readonly rows: ReadonlyMap<string, TagRow>
  readonly splits: boolean
  readonly warnings: readonly string[]
  readonly notes: readonly string[]
  /** Each row states every class, so two rows that differ contradict each other. */
  readonly exclusive: boolean
}

export interface TagFileOptions {
  /** Whether a name is that of an image; by its ending when not given. */
  readonly isImage?: (name: string) => boolean
  /** Known class names: they are never split, and their spelling is used. */
  readonly known?: readonly string[] | undefined
  readonly problems?: Problems
}

const NAMES = [
  'tags.csv',
  'tags.tsv',
  'tags.txt',
  'tags.json',
  'tags.jsonl',
  'labels.csv',
  'labels.tsv',
  'labels.json',
]

/** The tag files of a folder, best first, by name. */
export async function findTagFiles(root: string): Promise<string[]> {
  const there = await listFolder(root)
  return NAMES.flatMap(name => [
    ...there.filter(own => own === name),
    ...there.filter(own => own !== name && own.toLowerCase() === name),
  ])
}

/** A spreadsheet's workbook, which must be saved as a table. */
export async function findWorkbook(root: string): Promise<string | undefined> {
  return (await listFolder(root)).find(name => /^(tags|labels)\.(xlsx?|xlsm|ods|numbers)$/i.test(name))
}

/** Reads the first tag file; undefined when the folder has none. Faults name the line. */
export async function readTagFile(
  root: string,
  { isImage = hasImageEnding, known = [], problems = FIRST }: TagFileOptions = {},
): Promise<TagFile | undefined> {
  const [name, ...others] = await findTagFiles(root)
  if (name === undefined) return undefined
  const path = join(root, name)
  const decoded = await readDecoded(path)
  if (decoded === undefined) return undefined
  const context: TableContext = { isImage, known: new Set(known.map(foldWord)), problems }
  const read = /\.jsonl?$/i.test(name) ? jsonRows : tableRows
  const { rows, exclusive, notes } = read(path, decoded.text, context)
  const cleaned = cleanRows(path, rows, { known, problems })
  const united = uniteRows(path, cleaned.rows, { exclusive, problems })
  const isCertain = decoded.encoding === undefined || decoded.encoding === 'UTF-16'
  const encoding = `${path}: is not UTF-8; it is read as ${decoded.encoding}`
  return {
    path,
    rows: united.rows,
    splits: rows.some(({ split }) => split !== undefined && split !== ''),
    exclusive,
    warnings: [
      ...(isCertain ? [] : [encoding]),
      ...(others.length === 0 ? [] : [`${path}: holds the tags; not read: ${sample(others)}`]),
      ...cleaned.warnings,
      ...united.warnings,
    ],
    notes: [...notes, ...united.notes],
  }
}
