/** @file Images and their rows, shared by plain folders and class folders; and images with a table of tags. */
import { basename, join } from 'node:path'
import { InputError } from '../errors.ts'
import { count } from '../io/count.ts'
import { hasImageEnding } from './image-endings.ts'
import { type ImageListing, listImages, unreadSentence } from './image-listing.ts'
import { findAll, type ImageNames, imageNames } from './image-names.ts'
import { listFolder, sample } from './listing.ts'
import { type Fault, FIRST, type Problems } from './problems.ts'
import { readTagFile, readTagsOf, type TagFile, type TagFileOptions, tagFileOf } from './tag-file.ts'
import { uniteRows } from './tag-rows.ts'
import type { TagRow } from './tag-table.ts'
import { readAnnotationFiles } from './tags/annotation-files.ts'
import { isSidecar, keywordRows } from './tags/keywords.ts'
import { type TagSource, tagSourceFile } from './tags/tag-options.ts'

export interface TaggedImages {
  /** The folder of the images. */
  readonly base: string
  /** The file or folder that the tags come from. */
  readonly source: string
  readonly listing: ImageListing
  /** By image. */
  readonly rows: ReadonlyMap<string, TagRow>
  readonly splits: boolean
  readonly warnings: readonly string[]
  readonly notes: readonly string[]
}

const IMAGES = 'put the images (jpg, png, webp, tif, gif or avif) into images/'

/** images/, or the folder of the table; with the prefixes of image names in tables. */
export async function imageFolder(root: string): Promise<{ base: string; roots: string[] }> {
  const names = await listFolder(root)
  const own = names.find(name => name === 'images') ?? names.find(name => name.toLowerCase() === 'images')
  const hasOwn = own === undefined && (await hasImages(root))
  const base = hasOwn ? root : join(root, own ?? 'images')
  const name = root.slice(root.search(/[^/\\]*$/))
  const inside = hasOwn ? [] : [base, `${name}/${own ?? 'images'}`, own ?? 'images']
  return { base, roots: [...inside, root, name] }
}

async function hasImages(root: string): Promise<boolean> {
  const problems: Problems = { ...FIRST, fault() {} } // whoever reads the images names them
  return listImages(root, { expected: IMAGES, skip: isBeside, problems }).then(
    () => true,
    (error: unknown) => {
      if (error instanceof InputError) return false
      throw error
    },
  )
}

/** Excludes masks/, tables and lists from the images. */
export function isBeside(path: string): boolean {
  return (
    path.toLowerCase() === 'masks' ||
    /^[^/]+\.(csv|tsv|txt|json|jsonl|xml|ya?ml|npy|names|md|html?)$/i.test(path)
  )
}

export interface TaggedImagesOptions {
  readonly known: readonly string[]
  /** Where the tags come from; by itself from a table or an export in the folder. */
  readonly tags?: TagSource
  readonly problems?: Problems
}

/**
 * The images of a folder with their tags; undefined when nothing has tags. With the source `masks` the images have none
 * yet. Throws InputError as its parts do.
 */
export async function readTaggedImages(
  root: string,
  { known, tags = 'auto', problems = FIRST }: TaggedImagesOptions,
): Promise<TaggedImages | undefined> {
  const { base, roots } = await imageFolder(root)
  const skip = (path: string): boolean =>
    (base === root && isBeside(path)) || (tags === 'keywords' && isSidecar(path))
  const listing = await listImages(base, { expected: IMAGES, skip, problems })
  const names = imageNames(listing.files, { roots })
  const unread = imageNames(listing.unread, { roots })
  const isThere = (images: ImageNames, name: string): boolean => {
    const { file, twins } = images.find(name)
    return file !== undefined || twins.length > 0
  }
  const table = await tagFile(root, {
    base,
    tags,
    known,
    problems,
    files: listing.files,
    exists: name => isThere(names, name),
    isImage: name => isThere(names, name) || isThere(unread, name) || hasImageEnding(name),
  })
  if (table === undefined) return undefined
  const matched = matchRows(table, { names, unread, listing, base, problems })
  return {
    base,
    source: table.path,
    listing,
    rows: matched.rows,
    splits: table.splits,
    warnings: [...listing.warnings, ...table.warnings, ...matched.warnings],
    notes: [...table.notes, ...listing.notes, ...matched.notes],
  }
}

/** The rows of the source; undefined when `auto` finds none. */
async function tagFile(
  root: string,
  {
    base,
    tags,
    ...options
  }: TagFileOptions & Required<TaggedImagesOptions> & { base: string; files: readonly string[] },
): Promise<TagFile | undefined> {
  const { known, problems } = options
  const file = tagSourceFile(tags, root)
  if (file !== undefined) return readTagsOf(file, options)
  switch (tags) {
    case 'keywords':
      return tagFileOf(base, await keywordRows(base, options.files, { problems }), { known, problems })
    case 'masks':
      return tagFileOf(join(root, 'masks'), { rows: [], exclusive: false, notes: [] })
    case 'annotations':
      return readAnnotationFiles(root, options)
    default:
      return readTagFile(root, options)
  }
}

interface MatchContext {
  readonly names: ReturnType<typeof imageNames>
  readonly unread: ReturnType<typeof imageNames>
  readonly listing: ImageListing
  readonly base: string
  readonly problems: Problems
}

/** The rows by image. A loose match counts only when no row fits that image better. */
function matchRows(
  table: TagFile,
  { names, unread, listing, base, problems }: MatchContext,
): { rows: ReadonlyMap<string, TagRow>; warnings: string[]; notes: string[] } {
  const rows = [...table.rows.values()]
  const all = findAll(
    names,
    rows.map(({ file }) => file),
  )
  const matched: { row: TagRow; file: string; loosely: boolean }[] = []
  const absentRows: TagRow[] = []
  let unreadRows = 0
  for (const [i, row] of rows.entries()) {
    const { file, twins, loosely } = all[i]!
    if (twins.length > 0)
      problems.fault(
        'unclear-name',
        new InputError(table.path, `${row.file} can be ${twins.slice(0, 2).join(' or ')}`, {
          field: row.where,
          expected: 'write the path below the folder of images, with the ending',
        }),
      )
    else if (file !== undefined) matched.push({ row, file, loosely })
    else if (unread.find(row.file).file !== undefined)
      unreadRows++ // the listing has already named it
    else absentRows.push(row)
  }
  const fileOf = new Map(matched.map(({ row, file }) => [row, file]))
  const united = uniteRows(
    table.path,
    matched.map(({ row }) => row),
    { exclusive: table.exclusive, imageOf: row => fileOf.get(row)!, problems },
  )
  const warnings = [...united.warnings]
  const absent = absentRows.map(({ file }) => file)
  const absentFaults = (): Fault[] =>
    absentRows.map(({ file, where }) => ({
      file: table.path,
      field: where,
      problem: `names ${file}, which is not in ${basename(base)}/`,
      expected: 'add the image, correct the name, or take the row out',
    }))
  if (absent.length > 0 && absent.length >= matched.length)
    problems.fault(
      'absent-image',
      new InputError(table.path, `names ${count(absent.length, 'absent image')}: ${sample(absent)}`, {
        expected: `most rows must name an image in ${base}, which holds ${sample(listing.files)}`,
      }),
      absentFaults(),
    )
  else if (absent.length > 0)
    warnings.push(
      ...problems.doubt(
        'absent-image',
        `${table.path}: names ${count(absent.length, 'absent image')}, left out: ${sample(absent)}`,
        absentFaults,
      ),
    )
  if (matched.length === 0 && unreadRows > 0)
    throw new InputError(table.path, `names only images in formats that are not read`, {
      expected: unreadSentence(listing.unread),
    })
  const loose = matched.filter(({ loosely }) => loosely).map(({ row, file }) => `${row.file} is ${file}`)
  const notes = [...united.notes]
  if (loose.length > 0)
    notes.push(
      `${table.path}: ${count(loose.length, 'row', 'names')} another folder or ending than the image has: ${sample(loose)}`,
    )
  return { rows: united.rows, warnings, notes }
}
