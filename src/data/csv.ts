/** @file Comma separated values (RFC 4180): quoted fields, any line ending. */
import { InputError } from '../errors.ts'

/** One record and the line it begins on (from 1). */
export interface CsvRecord {
  readonly line: number
  readonly fields: readonly string[]
}

const FIELD = /"((?:[^"]|"")*)"|([^",\r\n]*)/y

/** Splits text into records; blank lines are skipped. Throws InputError naming the line of a broken quote. */
export function parseCsv(text: string, file: string): CsvRecord[] {
  const records: CsvRecord[] = []
  let fields: string[] = []
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0 // byte order mark
  let line = 1
  let begin = 1
  while (at <= text.length) {
    FIELD.lastIndex = at
    const [whole = '', quoted, plain = ''] = FIELD.exec(text) ?? []
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    line += whole.split('\n').length - 1
    at += whole.length
    if (text[at] === ',') {
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
