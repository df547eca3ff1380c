/** @file Images in one folder for each class, also below images/ and below train/ and val/: the folder's name is the tag. */
import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../errors.ts'
import { count } from '../io/count.ts'
import { listTree } from './file-tree.ts'
import { isReadImage } from './image-endings.ts'
import { listImages, withoutRuns } from './image-listing.ts'
import { listFolder, reasonOf, sample } from './listing.ts'
import { FIRST, type Problems } from './problems.ts'
import { canonicalSplit, USUAL_SPLITS } from './split-names.ts'
import { findTagFiles } from './tag-file.ts'
import { cleanRows } from './tag-rows.ts'
import type { TagRow } from './tag-table.ts'
import { isBeside, type TaggedImages } from './tagged-images.ts'

export const CLASS_FOLDERS = 'put the images of each class into a folder of its name: cat/1.jpg, dog/1.jpg'

/** An image: `class` and `split` from the folders above it, `rest` its path below them. */
interface Placed {
  readonly file: string
  readonly name: string | undefined
  readonly split: string | undefined
  readonly rest: string
}

interface Found {
  readonly base: string
  readonly placed: readonly Placed[]
}

const WRAPPERS = ['images', 'imgs', 'photos', 'pictures', 'data', 'dataset']

/** Folders of other layouts, as train/images/ and train/labels/. */
const NO_CLASSES = [...WRAPPERS, 'masks', 'mask', 'labels', 'label', 'annotations', 'gt', 'groundtruth']

/** Whether the folder looks like this layout. */
export async function isClassFolders(root: string): Promise<boolean> {
  return (await place(root))?.isCertain ?? false
}

/** The splits that folders above the class folders name; none without them. */
export async function classFolderSplits(root: string): Promise<string[]> {
  const found = await place(root)
  return [...new Set(found?.placed.flatMap(({ split }) => split ?? []))]
}

/** Every image with the tags that its folders name. Throws InputError when there is no class folder. */
export async function readClassFolders(
  root: string,
  { known, problems = FIRST }: { known: readonly string[]; problems?: Problems },
): Promise<TaggedImages> {
  const found = await place(root)
  if (found === undefined || found.placed.every(({ name }) => name === undefined))
    throw new InputError(root, 'holds no folder for each class', { expected: CLASS_FOLDERS })
  const { base, placed } = found
  await refuseDataSets(base, placed)
  const listing = await listImages(base, { expected: CLASS_FOLDERS, skip: isBeside, problems })
  const { files, tags, shared } = await uniteCopies(base, placed)
  const splits = placed.some(({ split }) => split !== undefined)
  const rows = files.flatMap(({ file, name, split }): TagRow[] =>
    name === undefined && split === undefined
      ? []
      : [{ file, tags: tags.get(file) ?? [], split, where: `${name ?? split}/` }],
  )
  const cleaned = cleanRows(base, rows, { known, problems })
  const loose = placed.filter(({ name }) => name === undefined).map(({ file }) => file)
  const below = [
    ...new Set(placed.flatMap(({ name, rest }) => (rest.includes('/') ? [`${name}/${topOf(rest)}`] : []))),
  ]
  const classes = [...new Set(cleaned.rows.flatMap(row => row.tags))].sort()
  const kept = new Set(files.map(({ file }) => file))
  return {
    base,
    source: base,
    listing: { ...listing, files: listing.files.filter(file => kept.has(file)) },
    rows: new Map(cleaned.rows.map(row => [row.file, row])),
    splits,
    warnings: [
      ...listing.warnings,
      ...cleaned.warnings,
      ...(loose.length === 0
        ? []
        : [`${count(loose.length, 'image', 'lies')} in no class folder: ${sample(loose)}`]),
    ],
    notes: [
      `${base}: one folder for each class: ${sample(classes, 8)}`,
      ...listing.notes,
      ...(below.length === 0
        ? []
        : [`folders inside a class folder are no tags, their images are of that class: ${sample(below)}`]),
      ...(shared.length === 0
        ? []
        : [
            `${count(shared.length, 'image', 'has')} a copy in another class folder and the tags of both: ${sample(shared)}`,
          ]),
    ],
  }
}

/** The folder above data sets, each with images/ and its table of tags, or above one of COCO, is none. */
async function refuseDataSets(base: string, placed: readonly Placed[]): Promise<void> {
  const [list] = await cocoLists(base) // it is below the folder that was given, which was looked at
  if (list !== undefined)
    throw new InputError(base, `is a data set of its own, with ${list}, and its folders are no classes`, {
      expected: `give that folder: --data ${base}`,
    })
  const wrapping = placed.filter(
    ({ rest }) => rest.includes('/') && WRAPPERS.includes(topOf(rest).toLowerCase()),
  )
  for (const name of new Set(wrapping.flatMap(({ name }) => name ?? []))) {
    const [table] = [...(await findTagFiles(join(base, name))), ...(await cocoLists(join(base, name)))]
    if (table === undefined) continue
    throw new InputError(base, `${name}/ is a data set of its own, with ${name}/${table}, and not a class`, {
      expected: `give that folder: --data ${join(base, name)}`,
    })
  }
}

async function cocoLists(folder: string): Promise<string[]> {
  const names = await listFolder(join(folder, 'annotations'))
  return names.filter(name => /^instances_.*\.json$/.test(name)).map(name => `annotations/${name}`)
}

async function place(root: string): Promise<(Found & { isCertain: boolean }) | undefined> {
  const base = await baseOf(root)
  const tree = await listTree(base, { expected: CLASS_FOLDERS, skip: isBeside })
  const files = withoutRuns(tree.files).filter(isReadImage)
  const tops = new Set(files.filter(file => file.includes('/')).map(topOf))
  const inSplits =
    [...tops].some(top => canonicalSplit(top) === 'train') &&
    [...tops].every(top => (USUAL_SPLITS as readonly string[]).includes(canonicalSplit(top))) &&
    files.some(file => file.split('/').length > 2)
  const placed = files.map((file): Placed => {
    const parts = file.split('/')
    const split = inSplits && parts.length > 1 ? canonicalSplit(parts.shift()!) : undefined
    const name = parts.length > 1 && !(inSplits && split === undefined) ? parts.shift() : undefined
    return { file, name, split, rest: parts.join('/') }
  })
  const classes = new Set(placed.flatMap(({ name }) => name ?? []))
  const loose = placed.filter(({ name }) => name === undefined).length
  if ([...classes].every(name => NO_CLASSES.includes(name.toLowerCase()))) return undefined
  return { base, placed, isCertain: inSplits || classes.size > 1 || loose === 0 }
}

/** The folder that holds the class folders: the one given, or the only one in it when it is called images. */
async function baseOf(root: string): Promise<string> {
  const names = await listFolder(root)
  const exact = names.find(name => name === 'images') ?? names.find(name => name.toLowerCase() === 'images')
  const folders: string[] = []
  for (const name of exact === undefined ? names : [exact])
    if (!isBeside(name) && (await stat(join(root, name)).catch(() => undefined))?.isDirectory())
      folders.push(name)
  const [only] = folders
  const isWrapper = only !== undefined && folders.length === 1 && WRAPPERS.includes(only.toLowerCase())
  return isWrapper && !names.some(isReadImage) ? join(root, only) : root
}

function topOf(file: string): string {
  return file.slice(0, file.indexOf('/'))
}

/** Files of one name and content in several class folders become one image. */
async function uniteCopies(
  base: string,
  placed: readonly Placed[],
): Promise<{ files: Placed[]; tags: Map<string, string[]>; shared: string[] }> {
  const groups = new Map<string, Placed[]>()
  for (const image of placed) {
    const key = `${image.split ?? ''}/${image.rest.normalize('NFC')}`
    groups.set(key, [...(groups.get(key) ?? []), image])
  }
  const dropped = new Set<string>()
  const tags = new Map(placed.map(({ file, name }) => [file, name === undefined ? [] : [name]]))
  const shared: string[] = []
  for (const group of groups.values()) {
    if (group.length === 1) continue
    const first = new Map<string, string>()
    for (const { file, name } of group) {
      const content = await contentOf(join(base, file))
      const twin = content === undefined ? undefined : first.get(content)
      if (twin === undefined) {
        if (content !== undefined) first.set(content, file)
        continue
      }
      dropped.add(file)
      if (name !== undefined) tags.get(twin)!.push(name)
      if (!shared.includes(twin)) shared.push(twin)
    }
  }
  return { files: placed.filter(({ file }) => !dropped.has(file)), tags, shared }
}

/** Undefined for an unreadable or empty file. */
async function contentOf(path: string): Promise<string | undefined> {
  const bytes = await readFile(path).catch(reasonOf)
  return typeof bytes === 'string' || bytes.length === 0
    ? undefined
    : createHash('sha256').update(bytes).digest('hex')
}
