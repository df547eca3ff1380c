/** @file A file of tags of any kind, told by what it is and not by its name: tables, JSON, and the exports of tagging tools. */
import { stat } from 'node:fs/promises'
import { basename, dirname, extname } from 'node:path'
import { InputError } from '../../errors.ts'
import { isCocoJson } from '../coco-file.ts'
import { readDecoded } from '../listing.ts'
import { jsonRows } from '../tag-json.ts'
import { type TableContext, type TagRows, tableRows } from '../tag-table.ts'
import { cocoRows } from './coco-tags.ts'
import { cvatRows, isCvat } from './cvat.ts'
import { arrayRows } from './label-arrays.ts'
import { csvRows, isHeader, isShort, isTasks, shortRows, taskRows } from './label-studio.ts'
import { yoloRows } from './yolo.ts'

/** What is known of the images and classes when a file of tags is read. */
export interface ExportReading extends TableContext {
  /** Classes in order, for files that number them. */
  readonly classes: readonly string[]
  /** The image here that a tool's link means. */
  readonly nameOf: (link: string) => string
  /** Whether an image of the name is there. */
  readonly exists: (name: string) => boolean
}

/** Rows with what is to be said of them; `encoding` is that of a text that is not UTF-8. */
export interface ExportRows extends TagRows {
  readonly warnings: readonly string[]
  readonly encoding: string | undefined
}

const LARGE = 100e6 // bytes of JSON, above which only COCO's is read

type Kind = 'table' | 'json' | 'tasks' | 'short' | 'short csv' | 'coco' | 'cvat' | 'array' | 'yolo'

/** A recognised file, with what was read of it to recognise it. */
interface Recognised {
  readonly kind: Kind
  readonly text: string
  readonly value: unknown
  readonly encoding: string | undefined
}

/** Whether a file is the export of a tool, not a plain table. Throws InputError when it cannot be read at all. */
export async function isExport(path: string): Promise<boolean> {
  const found = await recognise(path)
  return found !== undefined && found.kind !== 'table' && found.kind !== 'json'
}

/** Reads a file of tags of any kind. Throws InputError when there is none, or as the reader of its kind. */
export async function exportRows(path: string, context: ExportReading): Promise<ExportRows> {
  const found = await recognise(path)
  if (found === undefined)
    throw new InputError(path, 'is no file of tags', {
      expected:
        'a table (file,tags), tags.json, cls_labels.npy, or an export of Label Studio, CVAT for images, COCO or YOLO (data.yaml)',
    })
  const { kind, text, value, encoding } = found
  const plain = (rows: TagRows): ExportRows => ({ ...rows, warnings: [], encoding })
  switch (kind) {
    case 'coco':
      return { ...(await cocoRows(path, context)), encoding }
    case 'cvat':
      return plain(cvatRows(path, text, context))
    case 'tasks':
      return plain(taskRows(path, value as Parameters<typeof taskRows>[1], context))
    case 'short':
      return plain(shortRows(path, value as Parameters<typeof shortRows>[1], context))
    case 'short csv':
      return plain(csvRows(path, text, context))
    case 'json':
      return plain(jsonRows(path, text, context))
    case 'table':
      return plain(tableRows(path, text, context))
    case 'array':
      return plain(await labelArray(path, context))
    case 'yolo':
      return plain(await yolo(path, context))
  }
}

async function labelArray(path: string, context: ExportReading): Promise<TagRows> {
  if (context.classes.length > 0) return arrayRows(path, context)
  throw new InputError(path, 'numbers the classes, and nothing names them', {
    expected: 'add classes.txt with a class a line, in the order of the numbers',
  })
}

async function yolo(path: string, { problems }: ExportReading): Promise<TagRows> {
  const folder = dirname(path)
  const rows = await yoloRows(basename(folder) === 'labels' ? dirname(folder) : folder, { problems })
  if (rows !== undefined) return rows
  throw new InputError(path, 'has no label files beside it', {
    expected: 'labels/ with a .txt for each image, or train/labels/',
  })
}

async function recognise(path: string): Promise<Recognised | undefined> {
  const ending = extname(path).toLowerCase()
  const of = (kind: Kind): Recognised => ({ kind, text: '', value: undefined, encoding: undefined })
  const found = await stat(path).catch(() => undefined)
  if (!found?.isFile()) {
    throw new InputError(path, found === undefined ? 'does not exist' : 'is no file', {
      expected: 'a file of tags',
    })
  }
  if (ending === '.npy') return of('array')
  if (/\.(?:ya?ml|names)$|^classes\.txt$/i.test(basename(path))) return of('yolo')
  if (/^\.jsonl?$/.test(ending) && found.size > LARGE) return of('coco')
  const decoded = await readDecoded(path)
  if (decoded === undefined) return undefined
  const { text, encoding } = decoded
  const { kind, value } = kindOf(text, ending)
  return kind === undefined ? undefined : { kind, text, value, encoding }
}

function kindOf(text: string, ending: string): { kind: Kind | undefined; value?: unknown } {
  if (isCvat(text)) return { kind: 'cvat' }
  if (ending === '.xml') return { kind: undefined }
  if (/^\.jsonl?$/.test(ending)) {
    const value = parsed(text)
    if (isTasks(value)) return { kind: 'tasks', value }
    if (isShort(value)) return { kind: 'short', value }
    return { kind: isCocoJson(value) ? 'coco' : 'json' }
  }
  const header = text.slice(0, text.search(/[\r\n]|$/)).split(/[,\t]/)
  return { kind: isHeader(header.map(name => name.replace(/^"(.*)"$/, '$1'))) ? 'short csv' : 'table' }
}

/** Undefined for what is no JSON: its reader says why. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
