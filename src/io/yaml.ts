/**
 * @file Parses a user's YAML within bounds: deep nesting and repetition, which cost the parser time and stack, are checked
 * first. Errors carry the line.
 */
import { type Document, isScalar, LineCounter, parseDocument, visit } from 'yaml'
import { InputError } from '../errors.ts'

/** Five times a recipe with every key written out. */
const MAX_CHARACTERS = 32_768

/** The parser's time grows with the square of a line of quotes. */
const MAX_LINE = 2000

/** Of a text of other kinds than recipes. */
export interface YamlBounds {
  readonly characters?: number
  /** Characters of a line. */
  readonly line?: number
}

/** A recipe nests four deep. */
const MAX_NESTING = 32

/** Keys written with `?`: the parser takes twice as long for each inside another. */
const MAX_EXPLICIT = 8

/** Values after aliases are expanded. */
const MAX_VALUES = 20_000

/** An error in a text, with its line (from 1). */
export interface YamlProblem {
  readonly line: number
  readonly problem: string
  readonly expected: string
}

export interface Yaml {
  readonly document: Document
  readonly lines: LineCounter
  readonly value: unknown
}

/** The text of a file. Throws InputError naming the line when it is not UTF-8 or holds control characters. */
export function decodeYaml(bytes: Uint8Array, file: string): string {
  const expected = 'save it as plain text in UTF-8'
  const refuse = (at: number, problem: string) => {
    const line = Buffer.from(bytes.subarray(0, at)).toString('latin1').split('\n').length
    return new InputError(`${file}:${line}`, problem, { expected })
  }
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
    throw refuse(0, 'is in UTF-16')
  const control = bytes.findIndex(
    byte => (byte < 32 && byte !== 9 && byte !== 10 && byte !== 13) || byte === 127,
  )
  if (control >= 0) throw refuse(control, `holds the control character ${bytes[control]}`)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw refuse(firstInvalid(bytes), 'is not in UTF-8')
  }
}

/** Parses, or returns the first problem. */
export function parseYaml(
  text: string,
  { characters = MAX_CHARACTERS, line = MAX_LINE }: YamlBounds = {},
): Yaml | YamlProblem {
  const trap = unfit(text, { characters, line })
  if (trap !== undefined) return trap
  const lines = new LineCounter()
  const options = { lineCounter: lines, prettyErrors: false, uniqueKeys: false, logLevel: 'error' } as const
  const document = parseDocument(text, options)
  const at = (offset: number, message: string): YamlProblem => {
    const { line, col } = lines.linePos(offset)
    return { line, problem: 'is not valid YAML', expected: `${message} at line ${line}, column ${col}:` }
  }
  const [broken] = document.errors
  if (broken !== undefined) return at(broken.pos[0], broken.message.split('\n')[0] ?? '')
  const tooMuch = { line: 1, problem: 'repeats itself by aliases', expected: 'write the values out' }
  try {
    const twice = repeatedKey(document)
    if (twice !== undefined) return at(twice, 'Map keys must be unique')
    const value: unknown = document.toJS()
    return isBounded(value) ? { document, lines, value } : tooMuch
  } catch (error) {
    if (error instanceof ReferenceError) return tooMuch // the parser's own count of aliases
    if (error instanceof RangeError) return deep(1)
    throw error
  }
}

/** A text that would make the parser slow, or overflow its stack. */
function unfit(text: string, most: Required<YamlBounds>): YamlProblem | undefined {
  if (text.length > most.characters) {
    const problem = `has ${text.length} characters`
    return { line: 1, problem, expected: `${most.characters} at most` }
  }
  let brackets = 0
  let explicit = 0
  const levels: { indent: number; signs: number }[] = []
  for (const [i, whole] of text.split(/\r\n|\r|\n/).entries()) {
    if (whole.length > most.line) {
      const problem = `has a line of ${whole.length} characters`
      return { line: i + 1, problem, expected: `${most.line} at most` }
    }
    const line = whole.replace(/"(?:[^"\\]|\\.)*"|'[^']*'/g, '""').replace(/(?:^|\s)#.*/, '')
    if (line.trim() === '') continue
    // "- - ? a": each sign nests one deeper
    const [lead = ''] = /^\s*(?:[-?:]\s+)*/.exec(line) ?? []
    while ((levels.at(-1)?.indent ?? -1) >= lead.length) levels.pop()
    levels.push({ indent: lead.length, signs: lead.match(/[-?:]/g)?.length ?? 0 })
    for (const character of line) {
      if (character === '[' || character === '{') brackets++
      else if (character === ']' || character === '}') brackets = Math.max(0, brackets - 1)
      if (brackets > MAX_NESTING) return deep(i + 1)
    }
    explicit += line.match(/(?:^|[\s{[,])\?(?=\s|$)/g)?.length ?? 0
    const depth = levels.reduce((sum, { signs }) => sum + 1 + signs, 0)
    if (depth > MAX_NESTING || explicit > MAX_EXPLICIT) return deep(i + 1)
  }
  return undefined
}

function deep(line: number): YamlProblem {
  return {
    line,
    problem: `nests more than ${MAX_NESTING} deep`,
    expected: 'write keys and values on a few levels',
  }
}

/** Offset of a duplicate key. The parser's own check takes quadratic time. */
function repeatedKey(document: Document): number | undefined {
  let found: number | undefined
  visit(document, {
    Map: (_, { items }) => {
      const seen = new Set<unknown>()
      for (const { key } of items) {
        if (!isScalar(key)) continue
        if (seen.has(key.value)) {
          found = key.range?.[0] ?? 0
          return visit.BREAK
        }
        seen.add(key.value)
      }
      return undefined
    },
  })
  return found
}

/** Bounds the expansion of aliases, which may be huge or refer to themselves. */
function isBounded(root: unknown): boolean {
  let left = MAX_VALUES
  const walk = (value: unknown, depth: number): boolean => {
    if (--left < 0 || depth > 2 * MAX_NESTING) return false
    if (typeof value !== 'object' || value === null) return true
    return Object.values(value).every(item => walk(item, depth + 1))
  }
  return walk(root, 0)
}

/** Offset of the first bytes that are no UTF-8. */
function firstInvalid(bytes: Uint8Array): number {
  const decoded = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  const text = Buffer.from(decoded)
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== text[i]) return i
  return bytes.length
}
