/** @file A tag table as spreadsheets save it: any delimiter, with or without header, tags in a cell, in columns, or one a row. */
import { InputError } from '../errors.ts'
import { type CsvRecord, DELIMITERS, type Delimiter, parseCsv } from './csv.ts'
import { sample } from './listing.ts'
import { FIRST, type Problems } from './problems.ts'
import { type Columns, findColumns, HEADER } from './tag-columns.ts'
import { cleanWord, splitCells, yesOrNo } from './tag-words.ts'

/** One row: the tags of an image; `where` names the row in messages. */
export interface TagRow {
  readonly file: string
  readonly tags: readonly string[]
  readonly split: string | undefined
  readonly where: string
}

/** `exclusive`: each row states every class, so that two rows can contradict each other. */
export interface TagRows {
  readonly rows: readonly TagRow[]
  readonly exclusive: boolean
  readonly notes: readonly string[]
}

export interface TableContext {
  /** Whether a name is that of an existing image, or could be. */
  readonly isImage: (name: string) => boolean
  /** Folded names of the known classes. */
  readonly known: ReadonlySet<string>
  readonly problems?: Problems
}

/** Reads the rows of a table. Faults, and the InputErrors of what is no table, name line and column. */
export function tableRows(path: string, whole: string, context: TableContext): TagRows {
  const text = whole.replace(/^sep=.\r?\n/i, match => match.replace(/[^\r\n]/g, '')) // Excel's word for its delimiter
  const { records, columns, delimiter } = findDialect(path, text, context)
  const header = columns.headless ? undefined : records[0]
  const body = (columns.headless ? records : records.slice(1)).map(record =>
    fitted(path, record, { header, delimiter, problems: context.problems ?? FIRST }),
  )
  const notes: string[] = []
  if (delimiter !== ',') notes.push(`${path}: columns are separated by ${DELIMITER_WORDS[delimiter]}`)
  if (columns.headless) notes.push(`${path}: has no header; its columns are read as images and tags`)
  else if (columns.certainty === 1)
    notes.push(
      `${path}: the column "${cleanWord(header!.fields[columns.file]!)}" is read as the images, ${columnWords(columns, header!)} as the tags`,
    )
  if (columns.unread.length > 0)
    notes.push(`${path}: columns that are not read: ${sample(columns.unread, 5)}`)
  const { tags, separator } = tagsOf(path, body, { columns, context })
  if (separator !== undefined && separator !== ';')
    notes.push(`${path}: tags in one cell are separated by "${separator}"`)
  const rows = body.map(({ line, fields }, i) => ({
    file: fields[columns.file] ?? '',
    tags: tags[i]!,
    split: columns.split === undefined ? undefined : cleanWord(fields[columns.split] ?? ''),
    where: `line ${line}`,
  }))
  return { rows, exclusive: columns.oneHot.length > 0, notes }
}

const DELIMITER_WORDS: Readonly<Record<Delimiter, string>> = {
  ',': '","',
  ';': '";"',
  '\t': 'tabs',
  '|': '"|"',
}

const FIELD_ENDS: Readonly<Record<Delimiter, string>> = {
  ',': 'comma',
  ';': 'semicolon',
  '\t': 'tab',
  '|': 'bar',
}

function columnWords({ tags, oneHot }: Columns, header: CsvRecord): string {
  const names = tags.length > 0 ? tags.map(c => cleanWord(header.fields[c]!)) : oneHot.map(({ name }) => name)
  return sample(
    names.map(name => `"${name}"`),
    5,
  )
}

interface Dialect {
  readonly delimiter: Delimiter
  readonly records: readonly CsvRecord[]
  readonly columns: Columns
}

/** The delimiter with which the text is a table of images, most certain first. */
function findDialect(path: string, text: string, { isImage }: TableContext): Dialect {
  if (text.trim() === '') throw new InputError(path, 'is empty', { field: 'header', expected: HEADER })
  const firstLine = /^.*$/m.exec(text.trimStart())?.[0] ?? ''
  const shown = sample([firstLine.length > 80 ? `${firstLine.slice(0, 80)}...` : firstLine])
  const found: Dialect[] = []
  let broken: unknown
  for (const delimiter of DELIMITERS) {
    if (!firstLine.includes(delimiter)) continue
    try {
      const records = parseCsv(text, path, { delimiter }).filter(({ fields }) =>
        fields.some(field => cleanWord(field) !== ''),
      )
      const columns = findColumns(records, { path, isImage })
      if (columns !== undefined) found.push({ delimiter, records, columns })
    } catch (error) {
      broken ??= error
    }
  }
  // of two that are no more certain, the one whose first line names an image
  const likely = ({ columns: { certainty, headless } }: Dialect): number => certainty + (headless ? 0.5 : 0)
  const [best] = found.sort((a, b) => likely(b) - likely(a))
  if (best !== undefined) return best
  throw broken ?? new InputError(path, `begins with "${shown}"`, { field: 'header', expected: HEADER })
}

/** Fields beyond the header's must be blank, else the line is a fault; missing ones are blank. */
function fitted(
  path: string,
  record: CsvRecord,
  {
    header,
    delimiter,
    problems,
  }: { header: CsvRecord | undefined; delimiter: Delimiter; problems: Problems },
): CsvRecord {
  if (header === undefined) return record
  const { line, fields } = record
  const most = header.fields.length
  if (!fields.slice(most).every(field => cleanWord(field) === ''))
    problems.fault(
      'bad-row',
      new InputError(path, `has ${fields.length} fields where the header has ${most}`, {
        field: `line ${line}`,
        expected: `separate tags by "${delimiter === ';' ? ',' : ';'}", and quote a name that holds a ${FIELD_ENDS[delimiter]}`,
      }),
    )
  return { line, fields: fields.slice(0, most) }
}

/** Tags of each record. */
function tagsOf(
  path: string,
  records: readonly CsvRecord[],
  { columns, context }: { columns: Columns; context: TableContext },
): { tags: readonly (readonly string[])[]; separator: string | undefined } {
  const { oneHot, file, split } = columns
  if (oneHot.length > 0) {
    const tags = records.map(({ fields }) =>
      oneHot.filter(({ column }) => yesOrNo(fields[column] ?? '') === true).map(({ name }) => name),
    )
    return { tags, separator: undefined }
  }
  // without a header a row may have more tags than the first
  const columnsOf = (fields: readonly string[]): number[] =>
    columns.headless ? [...fields.keys()].filter(c => c !== file && c !== split) : [...columns.tags]
  const placed = records.flatMap(({ line, fields }, row) =>
    columnsOf(fields).map(column => ({ row, text: fields[column] ?? '', where: `line ${line}` })),
  )
  const { tags, separator } = splitCells(placed, { file: path, ...context })
  const byRow: string[][] = records.map(() => [])
  for (const [i, { row }] of placed.entries()) for (const tag of tags[i]!) byRow[row]!.push(tag) // perhaps many
  return { tags: byRow, separator }
}
