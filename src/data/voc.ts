/** @file The layout of PASCAL VOC 2012: JPEGImages, ImageSets/Segmentation, masks, and tags from tags.csv or the annotations. */
import { basename, join } from 'node:path'
import { count } from '../io/count.ts'
import { imageNames } from './image-names.ts'
import { filesBelow, imageStem, isFile, isFolder } from './image-path.ts'
import {
  checkClasses,
  classIndices,
  maskWarning,
  readClassFile,
  sample,
  untaggedFault,
  untaggedWarning,
} from './listing.ts'
import { listMasks } from './mask-files.ts'
import { findLegend } from './mask-legend.ts'
import { withMaskReading } from './mask-reading.ts'
import { tagsFromMasks } from './mask-tags.ts'
import { FIRST, type Problems } from './problems.ts'
import type { Dataset, Sample } from './sample.ts'
import type { TagSource } from './tags/tag-options.ts'
import { type Entry, IMAGES, readVocList, SPLITS } from './voc-list.ts'
import { chooseVocClasses, MASK_FOLDERS, readVocTags } from './voc-tags.ts'

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

/** The folder that holds JPEGImages: the one given, its VOC2012, or its VOCdevkit/VOC2012. */
export async function findVocRoot(root: string): Promise<string | undefined> {
  for (const candidate of [root, join(root, 'VOC2012'), join(root, 'VOCdevkit', 'VOC2012')]) {
    const parts = await Promise.all([IMAGES, SPLITS].map(part => isFolder(join(candidate, part))))
    if (parts.every(Boolean)) return candidate
  }
  return undefined
}

export interface OpenVocOptions {
  readonly split: string
  readonly classes?: readonly string[] | undefined
  /** Where the tags come from. */
  readonly tags?: TagSource
  readonly problems?: Problems
}

/** Opens one split. Throws InputError on a missing list; absent images, and classes that are not in `classes`, are faults. */
export async function openVoc(
  root: string,
  { split, classes, tags: tagSource = 'auto', problems = FIRST }: OpenVocOptions,
): Promise<Dataset> {
  const files = await filesBelow(join(root, IMAGES))
  const names = imageNames(files, { roots: [IMAGES] })
  const { path, entries, warnings, notes } = await readVocList(root, split, { files, names, problems })
  const given = classes ?? (await readClassFile(root))
  const source = await readVocTags(root, entries, {
    names,
    files,
    known: given ?? VOC_CLASSES,
    tags: tagSource,
    problems,
  })
  const chosen =
    given === undefined ? await chooseVocClasses(source, VOC_CLASSES, problems) : { names: given, words: [] }
  checkClasses(root, chosen.names)
  const indices = new Map(chosen.names.map((name, index) => [name, index]))
  const { maskOf, words } = await findMasks(root, path, { entries, problems })
  const samples = entries.map((entry): Sample => {
    const row = source.tags.get(entry.id)
    const tags =
      row === undefined
        ? []
        : classIndices(row.names, { classes: indices, file: row.file, field: row.where, problems })
    return { id: entry.id, image: join(root, entry.image), tags, mask: maskOf.get(entry.id) }
  })
  const untagged = source.isMasks ? [] : samples.filter(({ tags }) => tags.length === 0)
  const untaggedWords = untaggedWarning(
    untagged.map(({ id }) => id),
    {
      problems,
      each: () =>
        untagged
          .filter(({ id }) => (source.tags.get(id)?.names ?? []).length === 0) // others are named by unknown classes
          .map(({ image }) => untaggedFault(image)),
    },
  )
  const read = await withMaskReading(
    {
      name: basename(root),
      root,
      split,
      classes: [...chosen.names],
      samples,
      warnings: [...source.warnings, ...untaggedWords, ...warnings, ...words],
      notes: [...notes, ...source.notes, ...chosen.words],
    },
    { legend: await findLegend(root, { problems }), comparesTags: true },
  )
  return source.isMasks ? tagsFromMasks(read, { problems }) : read
}

/**
 * The mask named in the line, whether it exists or not, else the one of the image's name. A missing one may exist in
 * another folder, perhaps of another kind: it is suggested, not used.
 */
async function findMasks(
  root: string,
  list: string,
  { entries, problems }: { entries: readonly Entry[]; problems: Problems },
): Promise<{ maskOf: ReadonlyMap<string, string>; words: string[] }> {
  const folders = await Promise.all(
    MASK_FOLDERS.map(async folder => ({ folder, masks: await listMasks(join(root, folder)) })),
  )
  const namesOf = ({ id, image }: Entry): string[] => [
    imageStem(image.replace(`${IMAGES}/`, '')).normalize('NFC'),
    id,
    basename(imageStem(image)).normalize('NFC'),
  ]
  const found = new Map<string, string>()
  const absent: { mask: string; elsewhere: string | undefined }[] = []
  const bare: Entry[] = []
  for (const entry of entries) {
    const of = folders.flatMap(({ folder, masks }) =>
      namesOf(entry).flatMap(name => (masks.has(name) ? [{ folder, path: masks.get(name)! }] : [])),
    )
    if (entry.mask === undefined || !entry.mask.includes('/')) {
      if (of[0] === undefined) bare.push(entry)
      else found.set(entry.id, of[0].path)
      continue
    }
    const path = await listedMask(root, entry.mask)
    found.set(entry.id, path ?? join(root, entry.mask))
    if (path === undefined) absent.push({ mask: entry.mask, elsewhere: of[0]?.folder })
  }
  const words: string[] = []
  if (absent.length > 0) {
    const { elsewhere } = absent.find(other => other.elsewhere !== undefined) ?? {}
    const hint =
      elsewhere === undefined
        ? ''
        : `; ${elsewhere}/ has masks of these names, which a list of ids alone would take`
    words.push(
      ...problems.doubt(
        'absent-mask',
        `${list} names ${count(absent.length, 'mask')} not there (left out of scores): ${sample(absent.map(({ mask }) => mask))}${hint}`,
        () =>
          absent.map(({ mask }) => ({
            file: list,
            problem: `names the mask ${mask}, which is not there${hint}`,
            expected: 'add it, or correct the line',
          })),
      ),
    )
  }
  if (bare.length > 0 && bare.length < entries.length)
    words.push(
      ...maskWarning(
        bare.map(({ id, image }) => ({ id, image: join(root, image) })),
        problems,
      ),
    )
  return { maskOf: found, words }
}

/** Path of a line's mask: below the root, or from the folder of masks on, when the rest is another machine's. */
async function listedMask(root: string, mask: string): Promise<string | undefined> {
  const folder = MASK_FOLDERS.find(name => mask.includes(`${name}/`))
  const tails = folder === undefined ? [mask] : [mask, mask.slice(mask.lastIndexOf(`${folder}/`))]
  for (const tail of tails) if (await isFile(join(root, tail))) return join(root, tail)
  return undefined
}
