/** @file The classes of Annotations/ID.xml: the <name> of each <object>. */
import { InputError } from '../errors.ts'
import { FIRST, type Problems } from './problems.ts'

/** A text that does not end as it should is a fault of `file`. */
export function annotatedClasses(xml: string, file: string, problems: Problems = FIRST): string[] {
  if (!/<\/annotation\s*>\s*$|<annotation\s*\/>\s*$/.test(xml.slice(-200)))
    problems.fault(
      'bad-annotation',
      new InputError(file, 'is cut short', {
        field: 'annotation',
        expected: 'it must end with </annotation>: write it again',
      }),
    )
  return objectNames(xml)
}

/** The <name> of each <object>; an object's parts have names of their own. */
export function objectNames(xml: string): string[] {
  return elements(without(xml, '<!--', '-->'), 'object').flatMap(object => {
    const own = elements(object, 'part').reduce((text, part) => text.replace(part, ''), object)
    const name = elements(own, 'name')[0]
    return name === undefined ? [] : [decode(name).trim()]
  })
}

/** The text of each name element, in order. */
function elements(xml: string, name: string): string[] {
  const found: string[] = []
  const open = new RegExp(`<${name}(?:\\s[^<>]*)?>`, 'g')
  for (let match = open.exec(xml); match !== null; match = open.exec(xml)) {
    const end = xml.indexOf(`</${name}`, open.lastIndex)
    if (end < 0) break
    found.push(xml.slice(open.lastIndex, end))
    open.lastIndex = end
  }
  return found
}

function without(text: string, begin: string, end: string): string {
  return text
    .split(begin)
    .map((part, i) => {
      if (i === 0) return part
      const at = part.indexOf(end)
      return at < 0 ? '' : part.slice(at + end.length)
    })
    .join('')
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function decode(text: string): string {
  const plain = /^\s*<!\[CDATA\[([\s\S]*)\]\]>\s*$/.exec(text)?.[1]
  if (plain !== undefined) return plain
  return text.replaceAll(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(\w+));/g, (all, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[name] ?? all
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)
    return code <= 0x10ffff ? String.fromCodePoint(code) : all
  })
}
