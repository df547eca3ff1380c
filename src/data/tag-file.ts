/** @file The tags of a folder of images: tags.csv or tags.json in any dialect of spreadsheets and programs, or the export of a tagging tool. */
import { join } from 'node:path'
import { InputError } from '../errors.ts'
import { hasImageEnding } from './image-endings.ts'
import { listFolder, sample } from './listing.ts'
import { FIRST, type Problems } from './problems.ts'
import { cleanRows, uniteRows } from './tag-rows.ts'
import type { TagRow, TagRows } from './tag-table.ts'
import { foldWord } from './tag-words.ts'
import { type ExportRows, exportRows, isExport } from './tags/tag-export.ts'
import { uploadedNames } from './tags/uploaded-names.ts'
import { findYolo } from './tags/yolo.ts'

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
  /** The images that are there, by path; for names that tools have changed. */
  readonly files?: readonly string[]
  /** Whether a name is that of an image that is there; none by default. */
  readonly exists?: (name: string) => boolean
  /** Whether a name is that of an image, there or not; by its ending when not given. */
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

/** Tables and JSONs beside images that are no tags. */
const NO_TAGS: ReadonlySet<string> = new Set(
  'masks.json,demo.json,dataset_meta.json,package.json,classes.csv,_classes.csv,class_dict.csv,areas.csv'.split(
    ',',
  ),
)

/** The tag files of a folder, best first, by name. */
export async function findTagFiles(root: string): Promise<string[]> {
  const there = await listFolder(root)
  return NAMES.flatMap(name => [
    ...there.filter(own => own === name),
    ...there.filter(own => own !== name && own.toLowerCase() === name),
  ])
}

/** The exports of tagging tools in a folder, whatever they are called, and the set-up file of YOLO's labels. */
export async function findExports(root: string): Promise<string[]> {
  const found: string[] = []
  for (const name of await otherTables(root))
    if (await isExport(join(root, name)).catch(isUnreadable)) found.push(name)
  const yolo = await findYolo(root)
  return yolo === undefined ? found : [...found, yolo.names]
}

/** Tables and JSONs of other names than those of tag files. */
async function otherTables(root: string): Promise<string[]> {
  return (await listFolder(root)).filter(
    name =>
      /\.(?:json|jsonl|csv|tsv|xml)$/i.test(name) &&
      !NO_TAGS.has(name.toLowerCase()) &&
      !NAMES.includes(name.toLowerCase()),
  )
}

const SHOWN = 3 // tables that an error names

/** The tables and JSONs of a folder that hold no tags, with the reason, behind another problem: "; x.json is not JSON (...)"; else empty. */
export async function unreadTables(root: string): Promise<string> {
  const found: string[] = []
  for (const name of await otherTables(root)) {
    const problem = await readTagsOf(join(root, name)).then(
      () => 'names none of the images',
      (error: unknown) => {
        if (error instanceof InputError) return error.problem
        throw error
      },
    )
    found.push(`${name} ${problem}`)
  }
  return found
    .slice(0, SHOWN)
    .map(words => `; ${words}`)
    .join('')
}

/** A file that cannot be read is no export. */
function isUnreadable(error: unknown): boolean {
  if (error instanceof InputError) return false
  throw error
}

/** A spreadsheet's workbook, which must be saved as a table. */
export async function findWorkbook(root: string): Promise<string | undefined> {
  return (await listFolder(root)).find(name => /^(tags|labels)\.(xlsx?|xlsm|ods|numbers)$/i.test(name))
}

/**
 * Reads the first tag file by name, else the first export of a tool, else the first table most of whose rows name images that
 * are there; undefined when the folder has none. Faults name the line.
 */
export async function readTagFile(root: string, options: TagFileOptions = {}): Promise<TagFile | undefined> {
  for (const find of [findTagFiles, findExports]) {
    const [name, ...others] = await find(root)
    if (name === undefined) continue
    const file = await readTagsOf(join(root, name), options)
    if (others.length === 0) return file
    return {
      ...file,
      warnings: [`${file.path}: holds the tags; not read: ${sample(others)}`, ...file.warnings],
    }
  }
  for (const name of await otherTables(root)) {
    const tried = { ...options, problems: FIRST } // of a table that may hold something else
    const file = await readTagsOf(join(root, name), tried).catch((error: unknown) => {
      if (error instanceof InputError) return undefined
      throw error
    })
    const rows = [...(file?.rows.values() ?? [])]
    const there = rows.filter(row => options.exists?.(row.file)).length
    if (
      file !== undefined &&
      there > 0 &&
      2 * there >= rows.length &&
      rows.some(({ tags }) => tags.length > 0)
    )
      return { ...file, notes: [`${file.path}: holds the tags, as its rows name the images`, ...file.notes] }
  }
  return undefined
}

/** Reads one file of tags, of any kind. Faults, and the InputErrors of what is no such file, name the line. */
export async function readTagsOf(
  path: string,
  {
    files = [],
    exists = () => false,
    isImage = hasImageEnding,
    known = [],
    problems = FIRST,
  }: TagFileOptions = {},
): Promise<TagFile> {
  const { nameOf } = uploadedNames(files, { exists })
  const context = { isImage, exists, nameOf, classes: known, known: new Set(known.map(foldWord)), problems }
  return tagFileOf(path, await exportRows(path, context), { known, problems })
}

/** Rows from anywhere as a tag file: one spelling for each class, one row for each image. `source` is named in messages. */
export function tagFileOf(
  source: string,
  {
    rows,
    exclusive,
    notes,
    warnings = [],
    encoding,
  }: TagRows & Partial<Pick<ExportRows, 'warnings' | 'encoding'>>,
  { known = [], problems = FIRST }: Pick<TagFileOptions, 'known' | 'problems'> = {},
): TagFile {
  const cleaned = cleanRows(source, rows, { known, problems })
  const united = uniteRows(source, cleaned.rows, { exclusive, problems })
  const isCertain = encoding === undefined || encoding === 'UTF-16'
  return {
    path: source,
    rows: united.rows,
    splits: rows.some(({ split }) => split !== undefined && split !== ''),
    exclusive,
    warnings: [
      ...(isCertain ? [] : [`${source}: is not UTF-8; it is read as ${encoding}`]),
      ...warnings,
      ...cleaned.warnings,
      ...united.warnings,
    ],
    notes: [...notes, ...united.notes],
  }
}
