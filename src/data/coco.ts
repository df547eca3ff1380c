/** @file The layout of COCO: annotations/instances_SPLIT.json with pictures, categories and tags; masks as label PNGs, if any. */
import { readFile, stat } from 'node:fs/promises'
import { basename, join, parse } from 'node:path'
import { InputError } from '../errors.ts'
import { readLabelMap } from '../io/indexed-png.ts'
import { nearestName } from '../nearest-name.ts'
import { checkClasses, listFolder, sample, untaggedWarning } from './listing.ts'
import type { Dataset, Picture } from './picture.ts'

const ANNOTATIONS = 'annotations'
const MASK_FOLDERS = ['masks', join('voc_format', 'class_labels'), 'SegmentationClass'] as const
const LOOKED_AT = 64 // masks that tell how they are numbered

/** Whether the folder looks like this layout. */
export async function isCocoLayout(root: string): Promise<boolean> {
  return (await listFolder(join(root, ANNOTATIONS))).some(name => /^instances_.*\.json$/.test(name))
}

/** What is read of instances_SPLIT.json. */
interface Instances {
  readonly images: readonly { readonly id: number; readonly file_name: string }[]
  readonly annotations: readonly { readonly image_id: number; readonly category_id: number }[]
  readonly categories: readonly { readonly id: number; readonly name: string }[]
}

/**
 * Opens one split: `train2014`, or `train` where there is one year. The classes are the categories in the order of their
 * ids, without the gaps: 80 of COCO's ids 1 to 90. Throws InputError on a missing list, absent pictures, or another
 * order of classes than `classes`.
 */
export async function openCoco(
  root: string,
  { split, classes }: { split: string; classes?: readonly string[] | undefined },
): Promise<Dataset> {
  const { file, part } = await findSplit(root, split)
  const { images, annotations, categories } = await readInstances(file)
  const ordered = [...categories].sort((a, b) => a.id - b.id)
  const names = ordered.map(({ name }) => name)
  checkClasses(file, names)
  if (classes !== undefined && classes.join('\n') !== names.join('\n')) {
    throw new InputError(file, `its categories are ${sample(names)}`, {
      field: 'categories',
      expected: `they must be those of the other split: ${sample(classes)}`,
    })
  }
  const indexOf = new Map(ordered.map(({ id }, index) => [id, index]))
  const tags = tagsOf({ images, annotations }, { indexOf, file })
  const folder = await pictureFolder(root, part, images)
  const maskOf = await findMasks(root)
  const pictures = images.map(({ id, file_name }): Picture => {
    const stem = parse(file_name).name
    return { id: stem, image: join(folder, file_name), tags: tags.get(id)!, mask: maskOf(stem) }
  })
  const untagged = pictures.filter(picture => picture.tags.length === 0).map(({ id }) => id)
  const warnings = untaggedWarning(untagged)
  const maskLabels = await maskNumbering(pictures, indexOf)
  return {
    name: basename(root),
    root,
    split,
    classes: names,
    pictures: maskLabels === undefined ? pictures : pictures.map(picture => ({ ...picture, maskLabels })),
    warnings,
  }
}

/** The file of a split, and the part of its name after `instances_`. */
async function findSplit(root: string, split: string): Promise<{ file: string; part: string }> {
  const parts = (await listFolder(join(root, ANNOTATIONS))).flatMap(
    name => /^instances_(.*)\.json$/.exec(name)?.[1] ?? [],
  )
  const fitting = parts.includes(split)
    ? [split]
    : parts.filter(part => /^\d{4}$/.test(part.slice(split.length)) && part.startsWith(split))
  const [part] = fitting
  if (part !== undefined && fitting.length === 1)
    return { file: join(root, ANNOTATIONS, `instances_${part}.json`), part }
  const near = nearestName(split, parts)
  throw new InputError(
    join(root, ANNOTATIONS),
    fitting.length > 1 ? `has several years of ${split}` : 'no such split',
    {
      field: 'split',
      expected:
        fitting.length > 1
          ? `say which: ${fitting.join(', ')}`
          : near === undefined
            ? `the splits are ${sample(parts, 10)}`
            : `did you mean "${near}"?`,
    },
  )
}

async function readInstances(file: string): Promise<Instances> {
  let value: Partial<Instances>
  try {
    value = JSON.parse(await readFile(file, 'utf8')) as Partial<Instances>
  } catch (cause) {
    throw new InputError(file, 'is cut short or no JSON', { expected: 'download it again', cause })
  }
  const { images, annotations, categories } = value ?? {}
  const whole =
    isList(images, ({ id, file_name }) => typeof id === 'number' && typeof file_name === 'string') &&
    isList(
      annotations,
      entry => typeof entry.image_id === 'number' && typeof entry.category_id === 'number',
    ) &&
    isList(categories, ({ id, name }) => typeof id === 'number' && typeof name === 'string')
  if (!whole) {
    throw new InputError(file, 'is not a list of instances', {
      expected:
        'images {id, file_name}, annotations {image_id, category_id} and categories {id, name} are needed',
    })
  }
  return { images: images!, annotations: annotations!, categories: categories! }
}

function isList<T extends object>(value: readonly T[] | undefined, check: (entry: T) => boolean): boolean {
  return (
    Array.isArray(value) && value.every(entry => typeof entry === 'object' && entry !== null && check(entry))
  )
}

function tagsOf(
  { images, annotations }: Pick<Instances, 'images' | 'annotations'>,
  { indexOf, file }: { indexOf: ReadonlyMap<number, number>; file: string },
): Map<number, number[]> {
  const found = new Map(images.map(({ id }) => [id, new Set<number>()]))
  for (const { image_id, category_id } of annotations) {
    const index = indexOf.get(category_id)
    if (index === undefined)
      throw new InputError(file, `an annotation of picture ${image_id} has the category ${category_id}`, {
        field: 'annotations',
        expected: 'every category must be listed under categories',
      })
    found.get(image_id)?.add(index)
  }
  return new Map([...found].map(([id, classes]) => [id, [...classes].sort((a, b) => a - b)]))
}

/** The folder that holds the pictures. */
async function pictureFolder(root: string, part: string, images: Instances['images']): Promise<string> {
  const candidates = [join(root, part), join(root, 'images', part), join(root, 'images')]
  const [first] = images
  for (const folder of candidates) {
    if (first === undefined || !(await isFile(join(folder, first.file_name)))) continue
    const present = new Set(await listFolder(folder))
    const absent = images.filter(({ file_name }) => !present.has(file_name)).map(({ file_name }) => file_name)
    if (absent.length === 0) return folder
    throw new InputError(folder, `lacks ${absent.length} of ${images.length} pictures: ${sample(absent)}`, {
      expected: 'every picture of the annotations must be there',
    })
  }
  throw new InputError(root, `has no folder with the pictures of ${part}`, {
    expected: `put them into ${part}/, images/${part}/ or images/`,
  })
}

/** Masks carry the picture's name, or only the number at its end. */
async function findMasks(root: string): Promise<(stem: string) => string | undefined> {
  for (const folder of MASK_FOLDERS) {
    const names = new Set((await listFolder(join(root, folder))).filter(name => name.endsWith('.png')))
    if (names.size === 0) continue
    return stem => {
      const [name] = [`${stem}.png`, `${/\d+$/.exec(stem)?.[0]}.png`].filter(candidate =>
        names.has(candidate),
      )
      return name === undefined ? undefined : join(root, folder, name)
    }
  }
  return () => undefined
}

/**
 * Masks of COCO are around with labels 1 to 80 and with category ids 1 to 90, and nothing says which: the one that agrees
 * with the tags is taken. Undefined when labels are as everywhere else; else label of each value, 0 for none.
 */
async function maskNumbering(
  pictures: readonly Picture[],
  indexOf: ReadonlyMap<number, number>,
): Promise<Uint8Array | undefined> {
  const table = new Uint8Array(256)
  for (const [id, index] of indexOf) if (id < 255) table[id] = index + 1
  table[255] = 255
  let byLabel = 0
  let byId = 0
  for (const { mask, tags } of pictures.filter(picture => picture.mask !== undefined).slice(0, LOOKED_AT)) {
    const values = await readLabelMap(mask!).then(
      ({ data }) => [...new Set(data)],
      () => [], // whoever reads it for its labels will name it
    )
    for (const value of values) {
      if (value === 0 || value === 255) continue
      if (tags.includes(value - 1)) byLabel++
      if (tags.includes(table[value]! - 1)) byId++
    }
  }
  return byId > byLabel ? table : undefined
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false
}
