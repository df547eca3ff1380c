/** @file Separated values (RFC 4180): quoted fields, any line ending, any delimiter. */
import { InputError } from '../errors.ts'

/** One record and the line it begins on (from 1). */
export interface CsvRecord {
  readonly line: number
  readonly fields: readonly string[]
}

/** Delimiters that spreadsheets write. */
export const DELIMITERS = [',', ';', '\t', '|'] as const
export type Delimiter = (typeof DELIMITERS)[number]

/** Splits text into records; blank lines are skipped. Throws InputError naming the line of a broken quote. */
export function parseCsv(
  text: string,
  file: string,
  { delimiter = ',' }: { readonly delimiter?: Delimiter } = {},
): CsvRecord[] {
  const field = new RegExp(` *"((?:[^"]|"")*)" *|([^"\\r\\n\\${delimiter}]*)`, 'y')
  const records: CsvRecord[] = []
  let fields: string[] = []
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0 // byte order mark
  let line = 1
  let begin = 1
  while (at <= text.length) {
    field.lastIndex = at
    const [whole = '', quoted, plain = ''] = field.exec(text) ?? []
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    line += whole.split('\n').length - 1
    at += whole.length
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
    if (fields.length > 1 || fields[0] !== '' || quoted !== undefined) records.push({ line: begin, fields })
    fields = []
    if (at === text.length) break
    at += ending.length
    begin = ++line
  }
  return records
}
