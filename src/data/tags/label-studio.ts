/** @file Label Studio's exports reduced to tags: JSON (tasks with results), JSON-MIN and CSV (one record an annotation). */
import { InputError } from '../../errors.ts'
import { count } from '../../io/count.ts'
import { parseCsv } from '../csv.ts'
import { sample } from '../listing.ts'
import { FIRST, type Problems } from '../problems.ts'
import { TAG_NAMES } from '../tag-columns.ts'
import type { TagRow, TagRows } from '../tag-table.ts'
import { cleanWord, foldWord } from '../tag-words.ts'
import { isImageLink } from './uploaded-names.ts'

type Fields = Readonly<Record<string, unknown>>

export interface ExportContext {
  /** The image here that a link of the tool means. */
  readonly nameOf: (link: string) => string
  readonly problems?: Problems
}

/** What a result may hold labels under; those of regions count as tags of the image. */
const VALUES = [
  'choices',
  'taxonomy',
  'labels',
  'rectanglelabels',
  'polygonlabels',
  'brushlabels',
  'ellipselabels',
  'keypointlabels',
  'bitmasklabels',
  'vectorlabels',
]

/** Columns that the tool writes about an annotation. */
const OWN = new Set([
  'id',
  'annotator',
  'annotation_id',
  'created_at',
  'updated_at',
  'lead_time',
  'annotators',
  'agreement',
])

/** Whether a JSON value is the export of tasks. */
export function isTasks(value: unknown): value is readonly Fields[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(task => isFields(task) && isFields(task.data) && Array.isArray(annotationsOf(task)))
  )
}

/** Whether a JSON value is the short export. */
export function isShort(value: unknown): value is readonly Fields[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(record => isFields(record) && isHeader(Object.keys(record)))
  )
}

/** Whether the columns of a table are those of the export as CSV. */
export function isHeader(names: readonly string[]): boolean {
  return names.includes('annotation_id') && names.includes('lead_time')
}

/** Skipped annotations (`was_cancelled`), drafts and predictions are left out; those of several people are united. A task without an image is a fault. */
export function taskRows(
  path: string,
  tasks: readonly Fields[],
  { nameOf, problems = FIRST }: ExportContext,
): TagRows {
  let [skipped, shared] = [0, 0]
  const rows = tasks.flatMap((task, i): TagRow[] => {
    const where = `task ${String(task.id ?? i + 1)}`
    const annotations = annotationsOf(task)!.filter(isFields)
    const kept = annotations.filter(({ was_cancelled }) => was_cancelled !== true)
    skipped += annotations.length - kept.length
    if (kept.length > 1) shared++
    const link =
      linkOf(task.data as Fields) ?? (typeof task.file_upload === 'string' ? task.file_upload : undefined)
    if (link === undefined) {
      problems.fault(
        'bad-row',
        new InputError(path, 'has a task without an image', {
          field: where,
          expected: 'data holds the link of an image, such as {"image": "/data/upload/1/abcdef12-a.jpg"}',
        }),
      )
      return []
    }
    const results = kept.flatMap(({ result }) => (Array.isArray(result) ? result.filter(isFields) : []))
    const tags = results.flatMap(({ value }) => tagsIn(value))
    return [{ file: nameOf(link), tags, split: undefined, where }]
  })
  return { rows, exclusive: false, notes: notesOf(path, 'JSON', { skipped, shared }) }
}

/** Records of an annotation each, as JSON-MIN or CSV have them. */
export function shortRows(
  path: string,
  records: readonly Fields[],
  { nameOf, wheres }: ExportContext & { readonly wheres?: readonly string[] },
): TagRows {
  const keys = [...new Set(records.flatMap(record => Object.keys(record)))].filter(key => !OWN.has(key))
  const image = keys
    .map(key => ({
      key,
      links: records.filter(record => typeof record[key] === 'string' && isImageLink(record[key])).length,
    }))
    .sort((a, b) => b.links - a.links)[0]
  if (image === undefined || 2 * image.links < records.length)
    throw new InputError(path, 'has no column with links of images', { field: 'image', expected: EXPECTED })
  const tagged = tagKeys(
    path,
    records,
    keys.filter(key => key !== image.key),
  )
  const people = new Map<string, number>()
  const rows = records.map((record, i): TagRow => {
    const file = nameOf(String(record[image.key]))
    people.set(file, (people.get(file) ?? 0) + 1)
    const tags = tagged.flatMap(key => tagsIn(parsed(record[key])))
    return { file, tags, split: undefined, where: wheres?.[i] ?? `entry ${i + 1}` }
  })
  const shared = [...people.values()].filter(times => times > 1).length
  const notes = notesOf(path, wheres === undefined ? 'JSON-MIN' : 'CSV', { skipped: 0, shared })
  return { rows, exclusive: false, notes }
}

/** As CSV: cells with several choices hold JSON. */
export function csvRows(path: string, text: string, context: ExportContext): TagRows {
  const [header, ...records] = parseCsv(text, path, {
    delimiter: text.slice(0, text.search(/[\r\n]|$/)).includes('\t') ? '\t' : ',',
  })
  const names = header!.fields
  return shortRows(
    path,
    records.map(({ fields }) => Object.fromEntries(names.map((name, i) => [name, fields[i] ?? '']))),
    { ...context, wheres: records.map(({ line }) => `line ${line}`) },
  )
}

/** The keys with labels: those with lists of them, else those so called, else the only one. */
function tagKeys(path: string, records: readonly Fields[], keys: readonly string[]): string[] {
  const holds = (key: string): unknown[] =>
    records.map(record => parsed(record[key])).filter(value => value !== '' && value !== undefined)
  const listed = keys.filter(key =>
    holds(key).some(value => typeof value !== 'string' && tagsIn(value).length > 0),
  )
  const called = keys.filter(key =>
    [...TAG_NAMES, 'choice', 'choices'].includes(foldWord(key).replace(/[\s_-]+/g, '')),
  )
  const named = [...new Set([...listed, ...called])]
  if (named.length > 0) return named
  const filled = keys.filter(key => holds(key).some(value => typeof value === 'string'))
  if (filled.length === 1) return filled
  throw new InputError(
    path,
    filled.length === 0
      ? 'holds no choices'
      : `has texts in ${sample(
          filled.map(key => `"${key}"`),
          5,
        )}, and nothing says which are tags`,
    {
      field: 'choice',
      expected:
        filled.length === 0
          ? 'tag at least one image'
          : 'call the <Choices> of the labelling set-up "choice", or export JSON',
    },
  )
}

/** The labels in a value: a word, a list of them, or a result's value. Of a taxonomy the last part of a path. */
function tagsIn(value: unknown): string[] {
  if (typeof value === 'string' || typeof value === 'number')
    return cleanWord(String(value)) === '' ? [] : [cleanWord(String(value))]
  if (Array.isArray(value))
    return value.flatMap(item => (Array.isArray(item) ? tagsIn(item[item.length - 1]) : tagsIn(item)))
  if (!isFields(value)) return []
  return VALUES.flatMap(name => (value[name] === undefined ? [] : tagsIn(value[name])))
}

function parsed(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

function linkOf(data: Fields): string | undefined {
  return Object.values(data).find((value): value is string => typeof value === 'string' && isImageLink(value))
}

function annotationsOf({ annotations, completions }: Fields): readonly unknown[] | undefined {
  const list = annotations ?? completions
  return Array.isArray(list) ? list : undefined
}

function notesOf(
  path: string,
  form: string,
  { skipped, shared }: { skipped: number; shared: number },
): string[] {
  return [
    `${path}: is read as an export of Label Studio (${form})`,
    ...(skipped === 0
      ? []
      : [`${path}: ${count(skipped, 'annotation', 'is')} skipped by the annotator, left out`]),
    ...(shared === 0
      ? []
      : [`${path}: ${count(shared, 'image', 'has')} several annotations; their tags are united`]),
  ]
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const EXPECTED = 'export JSON, JSON-MIN or CSV of a project of images'
