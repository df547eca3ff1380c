/** @file The layout of COCO, and Roboflow's export of it: a JSON with images, categories and tags; masks as label PNGs, if any. */
import { basename, join } from 'node:path'
import { InputError } from '../errors.ts'
import { count } from '../io/count.ts'
import { nearestName } from '../nearest-name.ts'
import { type CocoImage, type Instances, readInstances } from './coco-file.ts'
import type { Crowds } from './coco-mask.ts'
import { outsideTags } from './coco-outside-tags.ts'
import { drawnMasks, NO_MASKS } from './coco-regions.ts'
import { imageId } from './image-listing.ts'
import { imageNames } from './image-names.ts'
import { filesBelow, imageStem, isFile } from './image-path.ts'
import { checkClasses, listFolder, sample, untaggedFault, untaggedWarning } from './listing.ts'
import { listMasks } from './mask-files.ts'
import { withMaskReading } from './mask-reading.ts'
import { tagsFromMasks } from './mask-tags.ts'
import { FIRST, type Problems } from './problems.ts'
import type { Dataset, Sample } from './sample.ts'
import { splitSpellings } from './split-names.ts'
import type { TagSource } from './tags/tag-options.ts'

const ANNOTATIONS = 'annotations'
const ROBOFLOW = '_annotations.coco.json'
const MASK_FOLDERS = ['masks', join('voc_format', 'class_labels'), 'SegmentationClass'] as const

/** Whether the folder looks like this layout. */
export async function isCocoLayout(root: string): Promise<boolean> {
  return (await listCocoSplits(root)).length > 0
}

/** A split: its name, its file, and the possible folders of its images. */
interface Part {
  readonly name: string
  readonly file: string
  readonly folders: readonly string[]
}

/** The splits of a data set: annotations/instances_SPLIT.json, or SPLIT/_annotations.coco.json with its images. */
export async function listCocoSplits(root: string): Promise<Part[]> {
  const listed = (await listFolder(join(root, ANNOTATIONS))).flatMap((entry): Part[] => {
    const name = /^instances_(.*)\.json$/.exec(entry)?.[1]
    if (name === undefined) return []
    const folders = [join(root, name), join(root, 'images', name), join(root, 'images'), root]
    return [{ name, file: join(root, ANNOTATIONS, entry), folders }]
  })
  if (listed.length > 0) return listed
  const folders = await Promise.all(
    (await listFolder(root)).map(async (name): Promise<Part[]> => {
      const file = join(root, name, ROBOFLOW)
      return (await isFile(file)) ? [{ name, file, folders: [join(root, name)] }] : []
    }),
  )
  return folders.flat()
}

export interface OpenCocoOptions {
  readonly split: string
  readonly classes?: readonly string[] | undefined
  /** Regions of crowds in masks that are drawn from the JSON. */
  readonly crowds?: Crowds
  /** Where the tags come from; by itself from the annotations. */
  readonly tags?: TagSource
  readonly problems?: Problems
}

/**
 * Opens one split: `train2014`, or `train` where there is one year. The classes are the categories in the order of their
 * ids, without the gaps: 80 of COCO's ids 1 to 90. Throws InputError on a missing list or another order of classes than
 * `classes`; absent images and wrong entries are faults.
 */
export async function openCoco(
  root: string,
  { split, classes, crowds = 'ignore', tags: tagSource = 'auto', problems = FIRST }: OpenCocoOptions,
): Promise<Dataset> {
  const part = await findSplit(root, split)
  const { file } = part
  const instances = await readInstances(file, problems)
  const { images, categories } = instances
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
  const places = await imageFiles(root, part, { images, file, problems })
  const fromMasks = tagSource === 'masks'
  const outside = await outsideTags(root, tagSource, { images, places, classes: names, problems })
  const own = (): Map<number, number[]> => tagsOf(instances, { indexOf, file, problems })
  const tags = outside?.tags ?? (fromMasks ? new Map<number, number[]>() : own())
  const ids = idsOf(file, images, problems)
  const maskOf = await findMasks(root, part, images)
  const labels = new Map([...indexOf].map(([id, index]) => [id, index + 1]))
  const { drawn, words } =
    maskOf === undefined ? drawnMasks(instances, { labels, crowds, file, problems }) : NO_MASKS
  const samples = images.flatMap((image): Sample[] => {
    const [id, place, regions] = [ids.get(image), places.get(image), drawn.get(image.id)]
    if (id === undefined || place === undefined) return []
    const common = { id, image: place, tags: tags.get(image.id) ?? [] }
    return [
      regions === undefined
        ? { ...common, mask: maskOf?.(image) }
        : { ...common, mask: file, drawn: regions },
    ]
  })
  const untagged = fromMasks ? [] : samples.filter(one => one.tags.length === 0)
  const untaggedWords = untaggedWarning(
    untagged.map(({ id }) => id),
    { problems, each: () => untagged.map(({ image }) => untaggedFault(image)) },
  )
  const warnings = [
    ...instances.warnings,
    ...(outside?.warnings ?? []),
    ...untaggedWords,
    ...words.warnings,
    ...(classes === undefined && !fromMasks ? unusedCategories(names, samples) : []),
  ]
  const notes = [...words.notes, ...(outside?.notes ?? [])]
  const read = await withMaskReading(
    {
      name: basename(root),
      root,
      split,
      classes: names,
      samples,
      warnings,
      ...(notes.length > 0 && { notes }),
    },
    { ids: labels },
  )
  return fromMasks ? tagsFromMasks(read, { problems }) : read
}

/** The split of the name, of the name and a year, or Roboflow's `valid` for `val`. */
async function findSplit(root: string, split: string): Promise<Part> {
  const parts = await listCocoSplits(root)
  const exact = parts.filter(({ name }) => name === split)
  const years = parts.filter(({ name }) => /^\d{4}$/.test(name.slice(split.length)) && name.startsWith(split))
  const same = parts.filter(({ name }) => splitSpellings(split).includes(name))
  const fitting = [exact, years, same].find(({ length }) => length > 0) ?? []
  const [part] = fitting
  if (part !== undefined && fitting.length === 1) return part
  const names = parts.map(({ name }) => name)
  const near = nearestName(split, names)
  throw new InputError(
    parts[0]?.file.endsWith(ROBOFLOW) ? root : join(root, ANNOTATIONS),
    fitting.length > 1 ? `has several years of ${split}` : 'no such split',
    {
      field: 'split',
      expected:
        fitting.length > 1
          ? `say which: ${fitting.map(({ name }) => name).join(', ')}`
          : near === undefined
            ? `the splits are ${sample(names, 10)}`
            : `did you mean "${near}"?`,
    },
  )
}

function tagsOf(
  { images, annotations }: Pick<Instances, 'images' | 'annotations'>,
  { indexOf, file, problems }: { indexOf: ReadonlyMap<number, number>; file: string; problems: Problems },
): Map<number, number[]> {
  const found = new Map(images.map(({ id }) => [id, new Set<number>()]))
  for (const { image_id, category_id } of annotations) {
    const index = indexOf.get(category_id)
    if (index === undefined)
      problems.fault(
        'bad-annotation',
        new InputError(file, `an annotation of image ${image_id} has the category ${category_id}`, {
          field: 'annotations',
          expected: 'every category must be listed under categories',
        }),
      )
    else found.get(image_id)?.add(index)
  }
  return new Map([...found].map(([id, classes]) => [id, [...classes].sort((a, b) => a - b)]))
}

/** Warns of categories without annotations; they keep their labels, so that the others keep theirs (Roboflow's id 0). */
function unusedCategories(names: readonly string[], samples: readonly Sample[]): string[] {
  const used = new Set(samples.flatMap(({ tags }) => tags))
  const unused = names.filter((_, k) => !used.has(k))
  if (unused.length === 0 || unused.length === names.length) return []
  const what = count(unused.length, 'category', 'has')
  return [
    `${what} no annotation: nothing is learned of ${unused.length === 1 ? 'it' : 'them'}, the label stays: ${sample(unused)}`,
  ]
}

/** Paths of the images, in the folder that has most of them. */
async function imageFiles(
  root: string,
  { name, folders }: Part,
  { images, file: list, problems }: { images: readonly CocoImage[]; file: string; problems: Problems },
): Promise<Map<CocoImage, string>> {
  let best: { folder: string; found: Map<CocoImage, string> } | undefined
  for (const folder of folders) {
    const names = imageNames(await filesBelow(folder))
    const found = new Map<CocoImage, string>()
    for (const image of images) {
      const { file, loosely } = names.find(image.written)
      if (file !== undefined && !loosely) found.set(image, join(folder, file))
    }
    if (found.size > (best?.found.size ?? 0)) best = { folder, found }
    if (found.size === images.length) break
  }
  if (best === undefined && images.length > 0) {
    const [first] = folders
    throw new InputError(root, `has no folder with the images of ${name}`, {
      expected: `put them into ${basename(first!)}/${folders.length > 1 ? `, images/${name}/ or images/` : ''}`,
    })
  }
  const absent = images.filter(image => !best!.found.has(image)).map(({ file_name }) => file_name)
  if (absent.length > 0)
    problems.fault(
      'absent-image',
      new InputError(
        best!.folder,
        `lacks ${absent.length} of ${count(images.length, 'image')}: ${sample(absent)}`,
        { expected: 'every image of the annotations must be there' },
      ),
      absent.map(image => ({
        file: list,
        field: 'images',
        problem: `names ${image}, which is not in ${basename(best!.folder)}/`,
        expected: 'add the image, or take it out of the list',
      })),
    )
  return best?.found ?? new Map()
}

/** Folders become part of the name. Two images that would have one are a fault; the second has none. */
function idsOf(file: string, images: readonly CocoImage[], problems: Problems): Map<CocoImage, string> {
  const seen = new Map<string, string>()
  return new Map(
    images.flatMap((image): [CocoImage, string][] => {
      const { file_name } = image
      const id = imageId(file_name)
      const twin = seen.get(id)
      if (twin !== undefined) {
        problems.fault(
          'same-name',
          new InputError(file, `${file_name} has the name of ${twin}`, {
            field: 'images',
            expected: 'images are told apart by their names without the ending: rename one of them',
          }),
        )
        return []
      }
      seen.set(id, file_name)
      return [[image, id]]
    }),
  )
}

/** Masks carry the image's path or name, or only the number at its end; an ambiguous one is not used. Undefined without a folder of masks. */
async function findMasks(
  root: string,
  { name: part }: Part,
  images: readonly CocoImage[],
): Promise<((image: CocoImage) => string | undefined) | undefined> {
  const namesOf = ({ file_name }: CocoImage): string[] => {
    const stem = imageStem(file_name)
    const number = /\d+$/.exec(stem)?.[0]
    return [basename(stem), ...(number === undefined ? [] : [number])]
  }
  const owners = new Map<string, number>()
  for (const image of images)
    for (const name of new Set(namesOf(image))) owners.set(name, (owners.get(name) ?? 0) + 1)
  for (const folder of MASK_FOLDERS) {
    const masks = await listMasks(join(root, folder))
    if (masks.size === 0) continue
    return image => {
      const stem = imageStem(image.file_name)
      const own = namesOf(image).filter(name => owners.get(name) === 1)
      return [`${part}/${stem}`, stem, ...own.map(name => `${part}/${name}`), ...own]
        .map(name => masks.get(name))
        .find(mask => mask !== undefined)
    }
  }
  return undefined
}
