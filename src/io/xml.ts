/** @file XML without entities of its own, from a maintained parser: depth and length are limited, and nothing is fetched. */
import sax from 'sax'
import { InputError } from '../errors.ts'
import { textOf } from './printable.ts'

/** A tag with its attributes by local name; `uri` is its namespace, '' for none. */
export interface XmlElement {
  readonly name: string
  readonly uri: string
  readonly attributes: Readonly<Record<string, string>>
}

export interface XmlVisitor {
  /** Gets each element at its beginning, and the names of those around it, outermost first. */
  readonly open?: (element: XmlElement, path: readonly string[]) => void
  /** Gets the text directly in each element at its end, trimmed; with its own name last in the path. */
  readonly close?: (text: string, path: readonly string[]) => void
}

const MOST_DEPTH = 100 // real files nest a dozen deep
// of one attribute, as the corners of a polygon: the library's 64 kB are too few
Object.assign(sax, { MAX_BUFFER_LENGTH: 64 * 2 ** 20 })
const OPTIONS: sax.SAXOptions & { strictEntities: true } = { xmlns: true, strictEntities: true } // its types lag behind

/**
 * Visits the elements of a text. Throws InputError naming the line where it is not well-formed, cut short, nested deeper
 * than a hundred, or uses an entity that XML itself does not have.
 */
export function walkXml(text: string, file: string, { open, close }: XmlVisitor): void {
  const parser = sax.parser(true, OPTIONS)
  const path: string[] = []
  const texts: string[] = []
  const refuse = (problem: string, cause?: unknown): InputError =>
    new InputError(file, problem, {
      field: `line ${parser.line + 1}`,
      expected: 'export it again',
      ...(cause !== undefined && { cause }),
    })
  parser.onerror = error => {
    throw refuse(
      `is not well-formed XML (${textOf(error.message.split('\n')[0]!.replace(/\.$/, ''))})`,
      error,
    )
  }
  parser.onopentag = tag => {
    if (path.length >= MOST_DEPTH) throw refuse(`is nested deeper than ${MOST_DEPTH} elements`)
    const { local, uri } = tag as sax.QualifiedTag
    const attributes = Object.values((tag as sax.QualifiedTag).attributes)
    open?.(
      { name: local, uri, attributes: Object.fromEntries(attributes.map(one => [one.local, one.value])) },
      path,
    )
    path.push(local)
    texts.push('')
  }
  const addText = (part: string): void => {
    if (texts.length > 0) texts[texts.length - 1] += part
  }
  parser.ontext = addText
  parser.oncdata = addText
  parser.onclosetag = () => {
    close?.((texts.pop() ?? '').trim(), path)
    path.pop()
  }
  parser.write(text).close()
}
