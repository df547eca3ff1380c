/** @file The layout of PASCAL VOC 2012: JPEGImages, ImageSets/Segmentation, masks, and tags from tags.csv or the annotations. */
import { stat } from 'node:fs/promises'
import { basename, join, parse } from 'node:path'
import { InputError } from '../errors.ts'
import { nearestName } from '../nearest-name.ts'
import {
  checkClasses,
  classIndices,
  listFolder,
  nonEmptyLines,
  picturesHave,
  readClassFile,
  readText,
  sample,
  untaggedWarning,
} from './listing.ts'
import type { Dataset, Picture } from './picture.ts'
import { readTagFile } from './tag-file.ts'

/** The 20 classes in the order of the labels (class k is label k + 1). */
export const VOC_CLASSES = [
  'aeroplane',
  'bicycle',
  'bird',
  'boat',
  'bottle',
  'bus',
  'car',
  'cat',
  'chair',
  'cow',
  'diningtable',
  'dog',
  'horse',
  'motorbike',
  'person',
  'pottedplant',
  'sheep',
  'sofa',
  'train',
  'tvmonitor',
] as const

const SPLITS = join('ImageSets', 'Segmentation')
const MASK_FOLDERS = ['SegmentationClassAug', 'SegmentationClass'] as const

/** The folder that holds JPEGImages: the one given, its VOC2012, or its VOCdevkit/VOC2012. */
export async function findVocRoot(root: string): Promise<string | undefined> {
  for (const candidate of [root, join(root, 'VOC2012'), join(root, 'VOCdevkit', 'VOC2012')]) {
    const parts = await Promise.all(['JPEGImages', SPLITS].map(part => isFolder(join(candidate, part))))
    if (parts.every(Boolean)) return candidate
  }
  return undefined
}

/** Opens one split. Throws InputError on a missing list, absent pictures, or a class that is not in `classes`. */
export async function openVoc(
  root: string,
  { split, classes }: { split: string; classes?: readonly string[] | undefined },
): Promise<Dataset> {
  const names = classes ?? (await readClassFile(root)) ?? VOC_CLASSES
  checkClasses(root, names)
  const { path, lines } = await readSplit(root, split)
  const entries = [...new Map(lines.map(line => [entryOf(line).id, entryOf(line)])).values()]
  await checkPresent(root, path, entries)
  const { tagsOf, warnings } = await readTags(root, entries, names)
  const maskOf = await findMasks(root)
  const pictures = entries.map((entry): Picture => {
    const { id } = entry
    return { id, image: join(root, entry.image), tags: tagsOf(id), mask: maskOf(entry) }
  })
  const untagged = pictures.filter(({ tags }) => tags.length === 0).map(({ id }) => id)
  warnings.push(...untaggedWarning(untagged))
  if (lines.length > entries.length)
    warnings.push(`${path}: ${lines.length - entries.length} repeated lines left out`)
  return { name: basename(root), root, split, classes: [...names], pictures, warnings }
}

interface Entry {
  readonly id: string
  readonly image: string
  readonly mask: string | undefined
}

/** `2007_000032`, or `/JPEGImages/2007_000032.jpg /SegmentationClassAug/2007_000032.png`. */
function entryOf(line: string): Entry {
  const [first = '', second] = line.split(/\s+/)
  const { name, ext } = parse(first)
  if (!first.includes('/') && ext === '')
    return { id: first, image: join('JPEGImages', `${first}.jpg`), mask: undefined }
  const image = first.includes('/') ? first : join('JPEGImages', first)
  return { id: name, image, mask: second?.includes('/') ? second : undefined }
}

async function readSplit(root: string, split: string): Promise<{ path: string; lines: string[] }> {
  const spellings = ['train_aug', 'trainaug'].includes(split) ? ['train_aug', 'trainaug'] : [split]
  for (const spelling of spellings) {
    const path = join(root, SPLITS, `${spelling}.txt`)
    const text = await readText(path)
    if (text === undefined) continue
    const lines = nonEmptyLines(text)
    if (lines.length === 0)
      throw new InputError(path, 'names no picture', { expected: 'one picture id a line' })
    return { path, lines }
  }
  const known = (await listFolder(join(root, SPLITS))).map(name => parse(name).name)
  const near = nearestName(split, known)
  throw new InputError(join(root, SPLITS, `${split}.txt`), 'no such split', {
    field: 'split',
    expected: near === undefined ? `the splits are ${sample(known, 10)}` : `did you mean "${near}"?`,
  })
}

async function checkPresent(root: string, list: string, entries: readonly Entry[]): Promise<void> {
  const present = new Set((await listFolder(join(root, 'JPEGImages'))).map(name => join('/JPEGImages', name)))
  const absent: string[] = []
  for (const { image } of entries) {
    const path = join('/', image)
    if (!present.has(path) && (path.startsWith('/JPEGImages/') || !(await isFile(join(root, image)))))
      absent.push(image)
  }
  if (absent.length > 0)
    throw new InputError(list, `names ${absent.length} absent pictures: ${sample(absent)}`, {
      expected: 'every picture of the list must be in JPEGImages/',
    })
}

async function readTags(root: string, entries: readonly Entry[], names: readonly string[]) {
  const classes = new Map(names.map((name, index) => [name, index]))
  const file = await readTagFile(root)
  const tags = new Map<string, readonly number[]>()
  if (file === undefined) {
    await readAnnotations(root, entries, { classes, tags })
    return { tagsOf: (id: string) => tags.get(id) ?? [], warnings: [] as string[] }
  }
  for (const row of file.rows.values())
    tags.set(parse(row.file).name, classIndices(row.tags, { classes, file: file.path, field: row.where }))
  const present = new Set((await listFolder(join(root, 'JPEGImages'))).map(name => parse(name).name))
  const absent = [...file.rows.keys()].filter(name => !present.has(parse(name).name))
  if (absent.length > 0)
    throw new InputError(file.path, `names ${absent.length} absent pictures: ${sample(absent)}`, {
      expected: 'every row must name a picture in JPEGImages/',
    })
  const without = entries.filter(({ id }) => !tags.has(id)).map(({ id }) => id)
  const warnings = [...file.warnings]
  if (without.length > 0)
    warnings.push(`${picturesHave(without.length)} no row in ${basename(file.path)}: ${sample(without)}`)
  return { tagsOf: (id: string) => tags.get(id) ?? [], warnings }
}

async function readAnnotations(
  root: string,
  entries: readonly Entry[],
  { classes, tags }: { classes: ReadonlyMap<string, number>; tags: Map<string, readonly number[]> },
): Promise<void> {
  const folder = join(root, 'Annotations')
  if (!(await isFolder(folder)))
    throw new InputError(root, 'has neither tags.csv nor Annotations/', {
      expected: 'the tags must come from one of them',
    })
  const together = 64
  for (let first = 0; first < entries.length; first += together)
    await Promise.all(
      entries.slice(first, first + together).map(async ({ id }) => {
        const path = join(folder, `${id}.xml`)
        const xml = await readText(path)
        if (xml !== undefined)
          tags.set(id, classIndices(objectNames(xml), { classes, file: path, field: 'object' }))
      }),
    )
}

/** The <name> of each <object>; an object's parts have names of their own. */
export function objectNames(xml: string): string[] {
  return [...xml.matchAll(/<object>([\s\S]*?)<\/object>/g)].flatMap(([, object = '']) => {
    const name = /<name>([^<]*)<\/name>/.exec(object.replace(/<part>[\s\S]*?<\/part>/g, ''))?.[1]
    return name === undefined ? [] : [name.trim()]
  })
}

async function findMasks(root: string): Promise<(entry: Entry) => string | undefined> {
  const found = new Map<string, string>()
  for (const folder of [...MASK_FOLDERS].reverse())
    for (const name of await listFolder(join(root, folder)))
      if (name.endsWith('.png')) found.set(parse(name).name, join(root, folder, name))
  return ({ id, mask }) => (mask === undefined ? found.get(id) : join(root, mask))
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false
}
