/** @file A plain folder of tagged pictures: images/ with tags.csv or tags.json, any classes, masks optional. */
import { readdir, stat } from 'node:fs/promises'
import { basename, extname, join, relative, sep } from 'node:path'
import { InputError } from '../errors.ts'
import {
  checkClasses,
  classIndices,
  nonEmptyLines,
  picturesHave,
  readClassFile,
  readText,
  sample,
} from './listing.ts'
import { withMaskReading } from './mask-reading.ts'
import type { Dataset, Picture } from './picture.ts'
import { readTagFile, type TagFile, type TagRow } from './tag-file.ts'

const ENDINGS: ReadonlySet<string> = new Set(['.jpg', '.jpeg', '.png', '.webp'])
const USUAL_SPLITS = ['train', 'val', 'test'] as const

/** Whether the folder looks like this layout at all. */
export async function isFolderLayout(root: string): Promise<boolean> {
  const parts = ['images', 'tags.csv', 'tags.json'].map(name => stat(join(root, name)).catch(() => undefined))
  return (await Promise.all(parts)).some(part => part !== undefined)
}

/** Opens one split. Throws InputError on missing or absent pictures, a bad tag file, or an unknown class. */
export async function openFolder(
  root: string,
  { split, classes }: { split: string; classes?: readonly string[] | undefined },
): Promise<Dataset> {
  const files = await listPictures(
    join(root, 'images'),
    'put the pictures (jpg, jpeg, png or webp) into images/',
  )
  const tagFile = await readTagFile(root)
  if (tagFile === undefined)
    throw new InputError(root, 'has neither tags.csv nor tags.json', {
      expected: 'add tags.csv with the columns file,tags (tags separated by ";")',
    })
  const warnings = [...tagFile.warnings]
  const rows = matchRows(tagFile, files)
  const names = classes ?? (await readClassFile(root)) ?? sortedTags(tagFile)
  checkClasses(classes === undefined ? tagFile.path : 'classes', names)
  const indices = new Map(names.map((name, index) => [name, index]))

  const without = files.filter(file => !rows.has(file))
  if (without.length > 0)
    warnings.push(`${picturesHave(without.length)} no row in ${basename(tagFile.path)}: ${sample(without)}`)
  const chosen = await chooseSplit(root, { split, files, rows, tagFile })
  const tags = new Map(
    [...rows].map(([file, row]) => [
      file,
      classIndices(row.tags, { classes: indices, file: tagFile.path, field: row.where }),
    ]),
  )
  const empty = chosen.filter(file => (tags.get(file) ?? []).length === 0)
  if (empty.length > 0)
    warnings.push(
      `${picturesHave(empty.length)} no tags (kept for maps, skipped in training): ${sample(empty)}`,
    )

  const masks = await listMasks(root)
  const pictures = chosen.map((file): Picture => {
    const stem = stemOf(file)
    const mask = masks.get(stem) ?? masks.get(idOf(file))
    return { id: idOf(file), image: join(root, 'images', file), tags: tags.get(file) ?? [], mask }
  })
  const unmasked = pictures.filter(({ mask }) => mask === undefined).map(({ id }) => id)
  if (unmasked.length > 0 && unmasked.length < pictures.length)
    warnings.push(`${picturesHave(unmasked.length)} no mask (left out of scores): ${sample(unmasked)}`)
  return withMaskReading({ name: basename(root), root, split, classes: [...names], pictures, warnings })
}

/** Every picture of a folder and those below it, without tags or masks. Throws InputError when there is none. */
export async function openPictures(folder: string): Promise<Picture[]> {
  const files = await listPictures(folder, 'give a folder of pictures (jpg, jpeg, png or webp)')
  return files.map(file => ({ id: idOf(file), image: join(folder, file), tags: [], mask: undefined }))
}

/** Paths below the folder with forward slashes, sorted. */
async function listPictures(folder: string, expected: string): Promise<string[]> {
  const found = await stat(folder).catch(() => undefined)
  if (found === undefined) throw new InputError(folder, 'no such folder', { expected })
  if (!found.isDirectory()) throw new InputError(folder, 'is a file, not a folder', { expected })
  const files = (await listBelow(folder)).filter(name => ENDINGS.has(extname(name).toLowerCase()))
  if (files.length === 0) throw new InputError(folder, 'holds no pictures', { expected })
  const seen = new Map<string, string>()
  for (const file of files) {
    const twin = seen.get(idOf(file))
    if (twin !== undefined)
      throw new InputError(join(folder, file), `has the same name as ${twin}`, {
        expected: 'pictures are told apart by their names without the ending: rename one of them',
      })
    seen.set(idOf(file), file)
  }
  return files
}

async function listMasks(root: string): Promise<Map<string, string>> {
  const folder = join(root, 'masks')
  const found = (await stat(folder).catch(() => undefined)) === undefined ? [] : await listBelow(folder)
  const masks = found.filter(name => extname(name).toLowerCase() === '.png')
  return new Map(masks.map(name => [stemOf(name), join(folder, name)]))
}

async function listBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter(entry => !entry.isDirectory() && !entry.name.startsWith('.'))
    .map(entry => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort()
}

/** Pictures by what a list may call them: path below images/, with images/ before it, or without the ending. */
function spellings(files: readonly string[]): Map<string, string> {
  return new Map(files.flatMap(file => [`images/${file}`, stemOf(file), file].map(name => [name, file])))
}

function matchRows({ path, rows }: TagFile, files: readonly string[]): Map<string, TagRow> {
  const known = spellings(files)
  const matched = new Map<string, TagRow>()
  const absent: string[] = []
  for (const row of rows.values()) {
    const file = known.get(row.file)
    if (file === undefined) absent.push(row.file)
    else matched.set(file, row)
  }
  if (absent.length > 0)
    throw new InputError(path, `names ${absent.length} absent pictures: ${sample(absent)}`, {
      expected: 'every row must name a picture in images/',
    })
  return matched
}

/** The split's own list file, else the column `split`, else everything is `train`. */
async function chooseSplit(
  root: string,
  context: { split: string; files: readonly string[]; rows: ReadonlyMap<string, TagRow>; tagFile: TagFile },
): Promise<readonly string[]> {
  const { split, files, rows, tagFile } = context
  const list = join(root, `${split}.txt`)
  const text = await readText(list)
  if (text !== undefined) return listedPictures(list, text, files)
  if (tagFile.splits) {
    const chosen = files.filter(file => rows.get(file)?.split === split)
    if (chosen.length > 0) return chosen
    const known = [...new Set([...rows.values()].map(row => row.split ?? ''))].filter(name => name !== '')
    throw new InputError(tagFile.path, `no row has the split "${split}"`, {
      field: 'split',
      expected: `the splits are ${sample(known, 10)}`,
    })
  }
  const others = await Promise.all(
    USUAL_SPLITS.map(async name => ({ name, text: await readText(join(root, `${name}.txt`)) })),
  )
  const present = others.filter(other => other.text !== undefined).map(({ name }) => name)
  if (split === 'train' && present.length === 0) return files
  throw new InputError(list, 'no such split', {
    field: 'split',
    expected: `add ${split}.txt with one picture a line, or a column "split" in the tag file${present.length > 0 ? `; there is ${present.join(', ')}` : ''}`,
  })
}

function listedPictures(list: string, text: string, files: readonly string[]): readonly string[] {
  const known = spellings(files)
  const names = nonEmptyLines(text).map(name => name.replaceAll('\\', '/').replace(/^\.?\//, ''))
  const absent = names.filter(name => !known.has(name))
  if (absent.length > 0)
    throw new InputError(list, `names ${absent.length} absent pictures: ${sample(absent)}`, {
      expected: 'every line must name a picture in images/',
    })
  if (names.length === 0) throw new InputError(list, 'names no picture', { expected: 'one picture a line' })
  return [...new Set(names.map(name => known.get(name)!))]
}

function sortedTags({ rows, path }: TagFile): string[] {
  const names = [...new Set([...rows.values()].flatMap(({ tags }) => tags))].sort()
  if (names.length === 0)
    throw new InputError(path, 'has no tags at all', { field: 'tags', expected: 'tag at least one picture' })
  return names
}

function stemOf(file: string): string {
  return file.slice(0, file.length - extname(file).length)
}

/** Sub-folders become part of the name, so that an id is a file name. */
function idOf(file: string): string {
  return stemOf(file).replaceAll('/', '__')
}
