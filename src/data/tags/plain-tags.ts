/** @file The tags of a data set as a plain tags.csv or tags.json that is read back to the same tags. */
import { existsSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { InputError } from '../../errors.ts'
import { writeFileAtomic } from '../../io/atomic.ts'
import { findLayout, listSplits, type OpenDatasetOptions, openDataset } from '../dataset.ts'
import { sample } from '../listing.ts'
import type { Dataset } from '../sample.ts'
import { meansNoTag } from '../tag-words.ts'
import { readTaggedImages } from '../tagged-images.ts'

/** An image by its path below the data set. */
interface PlainRow {
  readonly file: string
  readonly tags: readonly string[]
  /** Undefined where all images are of one split; empty for an image of none. */
  readonly split: string | undefined
}

export interface PlainTags {
  readonly rows: readonly PlainRow[]
  readonly classes: readonly string[]
  /** What was said of the data set when it was opened. */
  readonly warnings: readonly string[]
  readonly notes: readonly string[]
}

/** The tags of every image of every split, those in none, too, or of one. Throws InputError as `openDataset`. */
export async function collectTags(
  root: string,
  { split, ...options }: Omit<OpenDatasetOptions, 'classes' | 'crowds'> = {},
): Promise<PlainTags> {
  const splits = split === undefined ? await listSplits(root, options) : [split]
  const parts: Dataset[] = []
  for (const name of splits.length === 0 ? ['train'] : splits)
    parts.push(
      await openDataset(root, { ...options, split: name, ...(parts[0] && { classes: parts[0].classes }) }),
    )
  const rows = new Map<string, PlainRow>()
  for (const { samples, classes, split: name } of parts)
    for (const { image, tags } of samples) {
      const file = relative(resolve(root), image).split(sep).join('/')
      if (rows.has(file)) continue // in several lists, as those of trainval and train
      rows.set(file, { file, tags: tags.map(k => classes[k]!), split: splits.length > 1 ? name : undefined })
    }
  const { classes } = parts[0]!
  const loose =
    split === undefined && splits.length > 0 ? await looseRows(root, rows, { ...options, classes }) : []
  const named = [...rows.values()].map(row =>
    loose.length > 0 ? { ...row, split: row.split ?? splits[0] } : row,
  )
  return {
    rows: [...named, ...loose],
    classes,
    warnings: [...new Set(parts.flatMap(({ warnings }) => warnings))],
    notes: [...new Set(parts.flatMap(({ notes = [] }) => notes))],
  }
}

/** Images of a plain folder that are in no split. */
async function looseRows(
  root: string,
  listed: ReadonlyMap<string, PlainRow>,
  { layout: given = 'auto', tags = 'auto', classes }: OpenDatasetOptions & { classes: readonly string[] },
): Promise<PlainRow[]> {
  const place = await findLayout(root, { layout: given, tags })
  if (place.layout !== 'folder' || tags === 'masks') return []
  const images = await readTaggedImages(place.root, { known: classes, tags })
  return (images?.listing.files ?? []).flatMap((name): PlainRow[] => {
    const file = relative(resolve(root), join(images!.base, name)).split(sep).join('/')
    const own = new Set(images!.rows.get(name)?.tags)
    return listed.has(file) ? [] : [{ file, tags: classes.filter(tag => own.has(tag)), split: '' }]
  })
}

/** Writes .csv or .json. Throws InputError for a file that is there, another ending, and tags that a table cannot hold. */
export async function writeTags(path: string, rows: readonly PlainRow[]): Promise<void> {
  if (existsSync(path))
    throw new InputError(path, 'is there, and is not written over', {
      expected: 'another name, or remove it first',
    })
  if (/\.json$/i.test(path)) return writeFileAtomic(path, tagJson(rows))
  if (!/\.csv$/i.test(path))
    throw new InputError(path, 'has another ending than .csv and .json', {
      expected: 'tags.csv or tags.json',
    })
  const odd = [...new Set(rows.flatMap(({ tags }) => tags))].filter(
    tag => /[;|,[\]{}]/.test(tag) || meansNoTag(tag),
  )
  if (odd.length > 0)
    throw new InputError(
      path,
      `cannot hold the tags ${sample(odd, 5)}, which a table would split or leave out`,
      {
        expected: 'give --out tags.json',
      },
    )
  return writeFileAtomic(path, tagCsv(rows))
}

function tagCsv(rows: readonly PlainRow[]): string {
  const hasSplits = rows.some(({ split }) => split !== undefined)
  const lines = rows.map(({ file, tags, split }) =>
    [file, tags.join(';'), ...(hasSplits ? [split ?? ''] : [])].map(quoted).join(','),
  )
  return `${[`file,tags${hasSplits ? ',split' : ''}`, ...lines].join('\n')}\n`
}

function tagJson(rows: readonly PlainRow[]): string {
  const lines = rows.map(
    ({ file, tags, split }) => `  ${JSON.stringify({ file, tags, ...(split !== undefined && { split }) })}`,
  )
  return `[\n${lines.join(',\n')}\n]\n`
}

function quoted(field: string): string {
  return /[",\r\n]|^\s|\s$/.test(field) ? `"${field.replaceAll('"', '""')}"` : field
}
