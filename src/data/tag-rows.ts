/** @file Merges the rows of a tag file: one spelling for each class, no words that mean none, one row for each image. */
import { InputError } from '../errors.ts'
import { count } from '../io/count.ts'
import { hasControls, sample } from './listing.ts'
import { FIRST, type Problems } from './problems.ts'
import { HEADER } from './tag-columns.ts'
import type { TagRow } from './tag-table.ts'
import { foldWord, meansNoTag } from './tag-words.ts'

/** Rows with one spelling for each class, without words that mean no tag. A tag of several lines, or with a lost letter, is a fault. */
export function cleanRows(
  path: string,
  rows: readonly TagRow[],
  { known, problems = FIRST }: { known: readonly string[]; problems?: Problems },
): { rows: TagRow[]; warnings: string[] } {
  const spellings = new Map<string, Map<string, number>>()
  for (const tag of rows.flatMap(({ tags }) => tags)) {
    const counts = spellings.get(foldWord(tag)) ?? new Map<string, number>()
    spellings.set(foldWord(tag), counts.set(tag, (counts.get(tag) ?? 0) + 1))
  }
  const given = new Map(known.map(name => [foldWord(name), name]))
  const chosen = new Map(
    [...spellings].map(([folded, counts]) => [folded, given.get(folded) ?? mostUsed(counts)]),
  )
  const dropped = new Map<string, number>()
  const cleaned = rows.map(row => {
    const tags = row.tags.flatMap(tag => {
      const fault = tagFault(path, tag, row)
      if (fault !== undefined) {
        problems.fault('bad-row', fault)
        return []
      }
      const folded = foldWord(tag)
      if (!meansNoTag(tag) || given.has(folded)) return [chosen.get(folded)!]
      dropped.set(folded, (dropped.get(folded) ?? 0) + 1)
      return []
    })
    return { ...row, tags: [...new Set(tags)] }
  })
  const several = [...spellings].flatMap(([folded, counts]) =>
    counts.size < 2 || dropped.has(folded)
      ? []
      : [`${[...counts.keys()].sort().join(' and ')} (read as ${chosen.get(folded)})`],
  )
  const none = [...dropped].map(([word, rows]) => `"${word}" (${count(rows, 'row')})`)
  return {
    rows: cleaned,
    warnings: [
      ...(several.length === 0 ? [] : [`${path}: one class in several spellings: ${sample(several, 5)}`]),
      ...(none.length === 0 ? [] : [`${path}: words that name no class are no tags: ${sample(none, 5)}`]),
    ],
  }
}

function tagFault(path: string, tag: string, { where }: TagRow): InputError | undefined {
  if (hasControls(tag))
    return new InputError(path, `has the tag ${JSON.stringify(tag)}`, {
      field: where,
      expected: 'a tag is one line, without line breaks or control characters; separate tags by ";"',
    })
  if (tag.includes('\ufffd'))
    return new InputError(path, `has the tag "${tag}", of which a letter was lost`, {
      field: where,
      expected: 'save the table again as text in UTF-8',
    })
  return undefined
}

/** The spelling of most rows; lower case when two are equally frequent. */
function mostUsed(counts: ReadonlyMap<string, number>): string {
  return [...counts].sort(([a, n], [b, m]) => m - n || (a > b ? -1 : 1))[0]![0]
}

export interface UnitedRows {
  /** By image. */
  readonly rows: ReadonlyMap<string, TagRow>
  readonly warnings: string[]
  readonly notes: string[]
}

/**
 * One row for each image, with the tags of all of its rows; `imageOf` names the image of a row. Faults are rows
 * without a file, and rows of one image that contradict: other splits, or other tags where they are `exclusive`.
 */
export function uniteRows(
  path: string,
  list: readonly TagRow[],
  {
    exclusive,
    imageOf = plainName,
    problems = FIRST,
  }: { exclusive: boolean; imageOf?: (row: TagRow) => string; problems?: Problems },
): UnitedRows {
  const rows = new Map<string, TagRow>()
  const same = new Set<string>()
  const united = new Set<string>()
  const spelt = new Map<string, string>()
  const respelt = new Map<string, string>()
  for (const row of list) {
    const file = imageOf(row)
    if (file === '') {
      problems.fault('bad-row', new InputError(path, 'names no file', { field: row.where, expected: HEADER }))
      continue
    }
    const before = rows.get(file)
    if (before === undefined) {
      rows.set(file, { ...row, file })
      spelt.set(file, plainName(row))
      continue
    }
    const differs = !sameTags(before, row)
    const split = before.split === row.split || row.split === undefined || row.split === ''
    if ((differs && exclusive) || !(split || (before.split ?? '') === '')) {
      const other = split ? 'other tags' : 'another split'
      problems.fault(
        'bad-row',
        new InputError(path, `${file} stands here and at ${before.where} with ${other}`, {
          field: row.where,
          expected: 'give each image one row',
        }),
      )
      continue
    }
    if (differs) united.add(file)
    else same.add(file)
    const other = spelt.get(file)!
    if (other !== plainName(row)) respelt.set(file, `${other} and ${plainName(row)}`)
    const tags = [...new Set([...before.tags, ...row.tags])]
    rows.set(file, { ...before, tags, split: before.split || row.split })
  }
  const twice = [...same].filter(file => !united.has(file))
  const warnings =
    twice.length === 0
      ? []
      : [`${path}: ${count(twice.length, 'image', 'has')} the same row twice: ${sample(twice)}`]
  if (respelt.size > 0)
    warnings.push(`${path}: rows that name one image are merged: ${sample([...respelt.values()])}`)
  const notes =
    united.size === 0
      ? []
      : [
          `${path}: ${count(united.size, 'image', 'has')} several rows; their tags are merged: ${sample([...united])}`,
        ]
  return { rows, warnings, notes }
}

/** A row's name of its image, without the folder itself; a backslash may be part of it. */
function plainName({ file }: TagRow): string {
  return file.trim().replace(/^(?:\.?\/|\.\\)/, '')
}

function sameTags(a: TagRow, b: TagRow): boolean {
  return [...a.tags].sort().join('\n') === [...b.tags].sort().join('\n')
}
