/** @file The meaning of the columns of a tag table: by their names in the header, else by their cells. */
import { InputError } from '../errors.ts'
import type { CsvRecord } from './csv.ts'
import { hasImageEnding } from './image-endings.ts'
import { sample } from './listing.ts'
import { cleanWord, foldWord, yesOrNo } from './tag-words.ts'

/** Indices of columns; `oneHot` are classes with yes or no, `unread` the names of the others. */
export interface Columns {
  readonly file: number
  readonly tags: readonly number[]
  readonly oneHot: readonly { readonly column: number; readonly name: string }[]
  readonly split: number | undefined
  readonly unread: readonly string[]
  /** The first record is a row, not a header. */
  readonly headless: boolean
  /** 2: named by the header, 1: found by their cells. */
  readonly certainty: 1 | 2
}

export const FILE_NAMES =
  'file,filename,files,image,imagename,imagefile,imagefilename,images,img,imgname,imagepath,imgpath,path,filepath,relativepath,photo,photoname,picture,picturename,pic,datei,dateiname,bild,bildname,bilddatei,foto,fichier,imageid,imgid,url,uri'.split(
    ',',
  )
/** Headings that count only when the column holds names of images. */
export const PERHAPS_FILES = ['name', 'id', 'title']
export const TAG_NAMES =
  'tags,tag,labels,label,imagelabel,imagelabels,class,classes,classname,classnames,classlabel,category,categories,categoryname,keyword,keywords,species,object,objects,annotation,annotations,klasse,klassen,kategorie,kategorien,schlagwort,stichwort'.split(
    ',',
  )
const NUMBERED_TAG = /^(tag|label|class|category|keyword|klasse|kategorie)\d+$/
export const SPLIT_NAMES = ['split', 'set', 'subset', 'partition', 'fold']
const SPLIT_WORDS = /^(train|training|val|valid|validation|dev|test|testing)$/
const TRIED = 500 // rows that decide which column names the images
const INDEX = /^(|unnamed\d*|index|nr)$/

export interface ColumnContext {
  readonly path: string
  /** Whether a cell names an image. */
  readonly isImage: (cell: string) => boolean
}

/** Undefined when the records are no table of images with this delimiter. Throws InputError for an ambiguous one. */
export function findColumns(records: readonly CsvRecord[], context: ColumnContext): Columns | undefined {
  const [first, ...rest] = records
  const width = first?.fields.length ?? 0
  if (first === undefined || width < 2) return undefined
  const names = first.fields.map(columnName)
  const step = Math.ceil(rest.length / TRIED)
  const rows = rest.filter((_, i) => i % step === 0)
  const share = (column: number): number =>
    rows.filter(({ fields }) => context.isImage(fields[column] ?? '')).length / Math.max(1, rows.length)
  const shares = names.map((_, column) => share(column))
  const file = fileColumn(names, shares)
  const cell = first.fields[file ?? 0]!
  const isHeading = [...FILE_NAMES, ...PERHAPS_FILES].includes(names[file ?? 0]!) && !hasImageEnding(cell)
  const headless = context.isImage(cell) && !isHeading // an image may be called image.jpg
  if (headless) return headlessColumns(records, file ?? 0, context)
  if (file === undefined) return undefined
  return headedColumns(first.fields, rest, { ...context, file, names })
}

function columnName(text: string): string {
  return foldWord(text)
    .replace(/^#/, '')
    .replace(/[\s_.:-]+/g, '')
}

/** The best of the columns so named in the header, else the one with most names of images. */
function fileColumn(names: readonly string[], shares: readonly number[]): number | undefined {
  const order = [...FILE_NAMES, ...PERHAPS_FILES]
  const best = (columns: readonly number[]): number | undefined =>
    [...columns].sort(
      (a, b) => shares[b]! - shares[a]! || order.indexOf(names[a]!) - order.indexOf(names[b]!),
    )[0]
  const columns = [...names.keys()]
  const most = (column: number): boolean => shares[column]! > 0.5
  return (
    best(columns.filter(c => most(c) && order.includes(names[c]!))) ??
    best(columns.filter(c => FILE_NAMES.includes(names[c]!))) ??
    best(columns.filter(most))
  )
}

/** Every other column holds tags, except one with splits. */
function headlessColumns(
  records: readonly CsvRecord[],
  file: number,
  { path }: ColumnContext,
): Columns | undefined {
  const others = [...records[0]!.fields.keys()].filter(column => column !== file)
  const cells = (column: number): string[] => records.map(({ fields }) => fields[column] ?? '')
  const split = others.length < 2 ? undefined : others.find(c => cells(c).every(isSplitWord))
  const tags = others.filter(column => column !== split)
  if (tags.length > 1 && tags.every(c => cells(c).every(cell => yesOrNo(cell) !== undefined)))
    throw new InputError(path, 'has columns of yes and no without names', {
      field: 'header',
      expected: 'add a first line that names them: file,cat,dog',
    })
  return { file, tags, oneHot: [], split, unread: [], headless: true, certainty: 1 }
}

function isSplitWord(cell: string): boolean {
  return SPLIT_WORDS.test(foldWord(cell))
}

interface HeadedContext extends ColumnContext {
  readonly file: number
  readonly names: readonly string[]
}

function headedColumns(
  header: readonly string[],
  rows: readonly CsvRecord[],
  context: HeadedContext,
): Columns {
  const { file, names } = context
  const named = FILE_NAMES.includes(names[file]!) || PERHAPS_FILES.includes(names[file]!)
  const isFilled = (column: number): boolean =>
    rows.some(({ fields }) => cleanWord(fields[column] ?? '') !== '')
  const others = [...names.keys()].filter(column => column !== file)
  const split = others.find(column => SPLIT_NAMES.includes(names[column]!))
  const tags = tagColumns(header, rows, { ...context, others, isFilled })
  const found = (more: Pick<Columns, 'tags' | 'oneHot'>, certainty: 1 | 2): Columns => {
    const read = new Set([...more.tags, ...more.oneHot.map(({ column }) => column), split])
    const unread = others.filter(c => !read.has(c) && !INDEX.test(names[c]!) && isFilled(c))
    return {
      file,
      split,
      unread: unread.map(c => cleanWord(header[c]!)),
      headless: false,
      certainty,
      ...more,
    }
  }
  if (tags.length > 0) return found({ tags, oneHot: [] }, named ? 2 : 1)
  const candidates = others.filter(c => c !== split && !INDEX.test(names[c]!))
  const filled = candidates.filter(isFilled)
  const rest = filled.length === 0 ? candidates : filled
  const [only] = rest
  const isOneHot = (column: number): boolean =>
    rows.every(({ fields }) => yesOrNo(fields[column] ?? '') !== undefined)
  if (rest.length > 0 && rows.length > 0 && rest.every(isOneHot)) {
    checkOneHot(header, { ...context, rest, isFilled })
    return found(
      { tags: [], oneHot: rest.map(column => ({ column, name: cleanWord(header[column]!) })) },
      named ? 2 : 1,
    )
  }
  if (only !== undefined && rest.length === 1) return found({ tags: [only], oneHot: [] }, 1)
  throw notOneHot(header, rows, { path: context.path, rest, isOneHot })
}

/** Throws InputError for a filled column behind the images that has no name, and for two of one name. */
function checkOneHot(
  header: readonly string[],
  {
    path,
    names,
    file,
    rest,
    isFilled,
  }: HeadedContext & { rest: readonly number[]; isFilled: (c: number) => boolean },
): void {
  const nameless = names.findIndex((name, column) => name === '' && column > file && isFilled(column))
  const twin = rest.find((column, i) => rest.slice(0, i).some(other => names[other] === names[column]))
  if (nameless < 0 && twin === undefined) return
  throw new InputError(
    path,
    twin === undefined
      ? `column ${nameless + 1} has no name, but is not empty`
      : `has two columns "${cleanWord(header[twin]!)}"`,
    { field: 'header', expected: 'a column for each class has its name; take out what is none' },
  )
}

/** The columns named tags in the header: one, or tag1, tag2, ..., and unnamed ones after it. */
function tagColumns(
  header: readonly string[],
  rows: readonly CsvRecord[],
  {
    path,
    names,
    others,
    isFilled,
  }: HeadedContext & { others: readonly number[]; isFilled: (c: number) => boolean },
): number[] {
  const called = TAG_NAMES.flatMap(name => others.filter(column => names[column] === name))
  const numbered = others.filter(column => NUMBERED_TAG.test(names[column]!))
  if (called.length === 0) return numbered
  const isNumeric = (column: number): boolean =>
    rows.every(({ fields }) => /^[\d.,\s]*$/.test(fields[column] ?? ''))
  const wordy = called.filter(column => isFilled(column) && !isNumeric(column))
  const choices =
    called.some(c => /^tags?$/.test(names[c]!)) || wordy.length === 0 ? called.slice(0, 1) : wordy
  const [tags] = choices
  const same = (column: number): boolean => rows.every(({ fields }) => fields[column] === fields[tags!])
  if (!choices.every(column => same(column) || names[column] === names[tags!]))
    throw new InputError(
      path,
      `has tags in ${sample(
        choices.map(c => `"${cleanWord(header[c]!)}"`),
        9,
      )}`,
      {
        field: 'header',
        expected: 'call the column that is meant "tags"',
      },
    )
  const next = names.findIndex((name, column) => column > tags! && name !== '')
  const nameless = [...names.keys()].slice(tags! + 1, next < 0 ? names.length : next)
  const alike = called.filter(column => names[column] === names[tags!] && column !== tags)
  return [...new Set([tags!, ...alike, ...nameless.filter(isFilled), ...numbered])]
}

function notOneHot(
  header: readonly string[],
  rows: readonly CsvRecord[],
  { path, rest, isOneHot }: { path: string; rest: readonly number[]; isOneHot: (column: number) => boolean },
): InputError {
  const odd = rest.find(column => !isOneHot(column))
  const row = rows.find(({ fields }) => yesOrNo(fields[odd ?? 0] ?? '') === undefined)
  const isNumbers = (column: number): boolean =>
    rows.every(({ fields }) => /^\s*[-+\d.,e%]*\s*$/i.test(fields[column] ?? ''))
  if (odd === undefined || row === undefined || !rest.some(c => isOneHot(c) || isNumbers(c)))
    return new InputError(path, `begins with "${header.join(',')}"`, { field: 'header', expected: HEADER })
  return new InputError(path, `"${cleanWord(row.fields[odd]!)}" is neither yes nor no`, {
    field: `line ${row.line}, column "${cleanWord(header[odd]!)}"`,
    expected:
      'a column for each class holds 0 or 1; take the other columns out, or call the column of tags "tags"',
  })
}

/** The expected header. */
export const HEADER =
  'the first line must be "file,tags" (a column "split" may follow), tags separated by ";"'
