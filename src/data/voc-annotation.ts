/** @file The classes of Annotations/ID.xml: the <name> of each <object>. */
import { InputError } from '../errors.ts'
import { walkXml } from '../io/xml.ts'

/** The parts of an object have names of their own, which are none. Throws InputError naming `file` when it is cut short, or no XML. */
export function annotatedClasses(xml: string, file: string): string[] {
  if (!/<\/annotation\s*>\s*$|<annotation\s*\/>\s*$/.test(xml.slice(-200)))
    throw new InputError(file, 'is cut short', {
      field: 'annotation',
      expected: 'it must end with </annotation>: write it again',
    })
  const names: string[] = []
  walkXml(xml, file, {
    close: (text, path) => {
      if (path.length === 3 && path[1] === 'object' && path[2] === 'name') names.push(text)
    },
  })
  return names
}
