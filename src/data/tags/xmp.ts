/** @file Keywords in XMP (XML), as digiKam, Lightroom, darktable and others write them. */
import { walkXml } from '../../io/xml.ts'
import { cleanWord } from '../tag-words.ts'

/** Lists of keywords, best first: those that say which keyword is below which end in the one that was given. */
const LISTS: readonly {
  readonly uri: string
  readonly name: string
  readonly between: RegExp | undefined
}[] = [
  { uri: 'http://www.digikam.org/ns/1.0/', name: 'TagsList', between: /\// },
  { uri: 'http://ns.adobe.com/lightroom/1.0/', name: 'hierarchicalSubject', between: /\|/ },
  { uri: 'http://purl.org/dc/elements/1.1/', name: 'subject', between: undefined },
]

/** What programs note for themselves. */
const INTERNAL = /^(?:_Digikam_Internal_Tags_|_Digikam_root_tag_|darktable\|)/

/**
 * The keywords of the best list that has any: of `Animals/Cat` the last part. dc:subject alone may also hold the words above
 * (Lightroom's "export containing keywords"). Throws InputError when it is no XML.
 */
export function xmpKeywords(xml: string, file: string): string[] {
  const lists = LISTS.map((): string[] => [])
  const open: number[] = [] // for each open element, the list that it is
  walkXml(bare(xml), file, {
    open: ({ uri, name }) => open.push(LISTS.findIndex(list => list.uri === uri && list.name === name)),
    close: (text, path) => {
      open.pop()
      const list = open.findLast(index => index >= 0)
      if (list !== undefined && path.at(-1) === 'li' && !INTERNAL.test(text)) lists[list]!.push(text)
    },
  })
  const best = lists.findIndex(words => words.length > 0)
  if (best < 0) return []
  const { between } = LISTS[best]!
  const words = lists[best]!.map(word =>
    cleanWord(between === undefined ? word : word.split(between).at(-1)!),
  )
  return [...new Set(words.filter(word => word !== ''))]
}

/** Without the blanks and zeros around it. By letters: an expression for those at the end would try at every blank. */
function bare(xml: string): string {
  const isBlank = (at: number): boolean => /[\0\s]/.test(xml[at]!)
  let [start, end] = [0, xml.length]
  while (start < end && isBlank(start)) start++
  while (end > start && isBlank(end - 1)) end--
  return xml.slice(start, end)
}
