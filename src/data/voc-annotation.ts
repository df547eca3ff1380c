/** @file The classes of Annotations/ID.xml: the <name> of each <object>. */
import { InputError } from '../errors.ts'
import { walkXml } from '../io/xml.ts'
import { FIRST, type Problems } from './problems.ts'

/** The parts of an object have names of their own, which are none. A text that is cut short, or no XML, is a fault of `file`; the names before it count. */
export function annotatedClasses(xml: string, file: string, problems: Problems = FIRST): string[] {
  const isWhole = /<\/annotation\s*>\s*$|<annotation\s*\/>\s*$/.test(xml.slice(-200))
  if (!isWhole)
    problems.fault(
      'bad-annotation',
      new InputError(file, 'is cut short', {
        field: 'annotation',
        expected: 'it must end with </annotation>: write it again',
      }),
    )
  const names: string[] = []
  try {
    walkXml(xml, file, {
      close: (text, path) => {
        if (path.length === 3 && path[1] === 'object' && path[2] === 'name') names.push(text)
      },
    })
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    if (isWhole) problems.fault('bad-annotation', error)
  }
  return names
}
