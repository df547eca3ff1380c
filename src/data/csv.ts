/** @file Separated values (RFC 4180): quoted fields, any line ending, any delimiter. */
import { InputError } from '../errors.ts'
import { MAX_CELLS, MAX_ENTRIES } from '../io/budget.ts'

/** One record and the line it begins on (from 1). */
export interface CsvRecord {
  readonly line: number
  readonly fields: readonly string[]
}

/** Delimiters that spreadsheets write. */
export const DELIMITERS = [',', ';', '\t', '|'] as const
export type Delimiter = (typeof DELIMITERS)[number]

/**
 * Splits text into records; blank lines are skipped. Throws InputError naming the line of a broken quote, or of the first
 * row that is too many.
 */
export function parseCsv(
  text: string,
  file: string,
  { delimiter = ',' }: { readonly delimiter?: Delimiter } = {},
): CsvRecord[] {
  const field = new RegExp(`[^"\\r\\n\\${delimiter}]*`, 'y')
  const tooMany = (line: number): InputError =>
    new InputError(file, 'has more rows than fit into memory', {
      field: `line ${line}`,
      expected: `at most ${MAX_ENTRIES} rows and ${MAX_CELLS} cells are read: make several data sets of it`,
    })
  const records: CsvRecord[] = []
  let fields: string[] = []
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0 // byte order mark
  let line = 1
  let cells = 0
  let begin = 1
  while (at <= text.length) {
    if (++cells > MAX_CELLS) throw tooMany(line)
    const quoted = quotedField(text, at)
    field.lastIndex = at
    const value = quoted?.value ?? field.exec(text)?.[0] ?? ''
    fields.push(value)
    if (quoted !== undefined) line += value.split('\n').length - 1
    at = quoted?.end ?? at + value.length
    if (text[at] === delimiter) {
      at++
      continue
    }
    const ending = /^\r?\n|^\r|^$/.exec(text.slice(at, at + 2))?.[0]
    if (ending === undefined)
      throw new InputError(file, 'a quote is not closed, or stands inside a field', {
        field: `line ${line}`,
        expected: 'a field with quotes is "quoted, with ""doubled"" quotes inside"',
      })
    if (fields.length > 1 || fields[0] !== '' || quoted !== undefined) {
      if (records.length > MAX_ENTRIES) throw tooMany(line) // beside a header
      records.push({ line: begin, fields })
    }
    fields = []
    if (at === text.length) break
    at += ending.length
    begin = ++line
  }
  return records
}

/** The quoted field at an offset, and where it ends; undefined where there is none. No pattern: those of long fields overflow. */
function quotedField(text: string, at: number): { value: string; end: number } | undefined {
  const open = behindBlanks(text, at)
  if (text[open] !== '"') return undefined
  let close = text.indexOf('"', open + 1)
  while (close >= 0 && text[close + 1] === '"') close = text.indexOf('"', close + 2)
  if (close < 0) return undefined
  return { value: text.slice(open + 1, close).replaceAll('""', '"'), end: behindBlanks(text, close + 1) }
}

function behindBlanks(text: string, from: number): number {
  let at = from
  while (text[at] === ' ') at++
  return at
}
