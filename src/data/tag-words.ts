/** @file The words of a tag table: cells cleaned and split into tags, yes and no, words that mean no tag. Imports errors only. */
import { InputError } from '../errors.ts'
import { FIRST, type Problems } from './problems.ts'

/** Text of a table and its place, for messages. */
export interface Cell {
  readonly text: string
  readonly where: string
}

/** NFC, without invisible characters (byte order marks, zero widths, marks of direction), blanks single and trimmed. */
export function cleanWord(text: string): string {
  if (/^[!-~]+(?: [!-~]+)*$/.test(text)) return text // mostly nothing to clean
  return text
    .normalize('NFC')
    .replace(/[\u00ad\u200b\u200e\u200f\u2060\ufeff\u202a-\u202e\u2066-\u2069]/g, '')
    .replace(/[\t\p{Zs}]+/gu, ' ')
    .replace(/^[\s\u200c\u200d]+|[\s\u200c\u200d]+$/g, '')
    .replace(/^[\u201c\u201d\u201e\u00ab] ?(.*?) ?[\u201c\u201d\u00bb]$/, '$1') // quotes of a word processor
}

/** The key shared by all spellings of a word. */
export function foldWord(text: string): string {
  return cleanWord(text).toLowerCase()
}

const NO_TAG: ReadonlySet<string> = new Set(
  'none,nothing,keine,keines,nichts,?,n/a,na,#n/a,-,--,\u2013,\u2014,nan,null,nil,undefined,background,untagged,unlabeled,unlabelled,no tag,no tags'.split(
    ',',
  ),
)

/** Whether a word says that there is no tag: none, n/a, -, nan, background. */
export function meansNoTag(word: string): boolean {
  return NO_TAG.has(foldWord(word).replace(/^(?:[([{<]|_+)(.*?)(?:[)\]}>]|_+)$/, '$1'))
}

const YES: ReadonlySet<string> = new Set('1,1.0,true,t,x,yes,y,ja,j,wahr,\u2713,\u2714'.split(','))
const NO: ReadonlySet<string> = new Set(',0,0.0,false,f,no,n,nein,falsch,-'.split(','))

/** 1 or x or yes, 0 or blank or no; undefined for anything else. */
export function yesOrNo(text: string): boolean | undefined {
  const word = foldWord(text)
  if (YES.has(word)) return true
  return NO.has(word) ? false : undefined
}

/** In this order: the first one in a table is certain, the others may be part of a tag. */
const SEPARATORS = [';', '|', ','] as const

export interface SplitCells {
  /** Tags of each cell, cleaned, none empty. */
  readonly tags: readonly (readonly string[])[]
  /** Their separator; undefined when no cell has two tags. */
  readonly separator: string | undefined
}

/**
 * Splits cells at `;`, `|` or `,`, whichever the table uses; a cell that is a class of `known` is one tag. An ambiguous cell
 * is a fault.
 */
export function splitCells(
  cells: readonly Cell[],
  { file, known, problems = FIRST }: { file: string; known: ReadonlySet<string>; problems?: Problems },
): SplitCells {
  const isKnown = (text: string): boolean => known.has(foldWord(text))
  const used = SEPARATORS.filter(mark =>
    cells.some(({ text }) => !isKnown(text) && !isList(text) && text.includes(mark)),
  )
  const [separator, ...others] = used
  const split = (text: string): string[] => {
    if (isKnown(text)) return [cleanWord(text)]
    if (isList(text)) return listItems(text)
    return (separator === undefined ? [text] : text.split(separator)).map(cleanWord).filter(tag => tag !== '')
  }
  const tags = cells.map(({ text }) => split(text))
  if (others.length === 0) return { tags, separator }
  const holdsOther = (tag: string): boolean => !isKnown(tag) && others.some(mark => tag.includes(mark))
  const certain = new Set(tags.flat().flatMap(tag => (holdsOther(tag) ? [] : [foldWord(tag)])))
  const splitMore = (tag: string, where: string): string[] => {
    if (!holdsOther(tag)) return [tag]
    const parts = others
      .reduce((pieces, mark) => pieces.flatMap(piece => piece.split(mark)), [tag])
      .map(cleanWord)
      .filter(part => part !== '')
    if (parts.every(part => certain.has(foldWord(part)) || isKnown(part))) return parts
    problems.fault(
      'bad-row',
      new InputError(file, `"${tag}" can be one tag or several`, {
        field: where,
        expected: `other rows separate tags by "${separator}": write ${parts.join(separator)} for several, or list the name in classes.txt`,
      }),
    )
    return []
  }
  return { tags: tags.map((list, i) => list.flatMap(tag => splitMore(tag, cells[i]!.where))), separator }
}

/** ["cat", "dog"] or ['cat', 'dog'] or {cat,dog}, as programs print lists. */
function isList(text: string): boolean {
  return /^\s*(\[[^[\]]*\]|\{[^{}]*\})\s*$/.test(text)
}

function listItems(text: string): string[] {
  return text
    .trim()
    .slice(1, -1)
    .split(/[,;]/)
    .map(item => cleanWord(item).replace(/^(['"])(.*)\1$/, '$2'))
    .filter(item => item !== '')
}
