/** @file A plain folder of tagged images: images/ with tags.csv or tags.json, or a folder for each class; any classes, masks optional. */
import { basename, join } from 'node:path'
import { InputError } from '../errors.ts'
import { count } from '../io/count.ts'
import { CLASS_FOLDERS, classFolderSplits, readClassFolders } from './class-folders.ts'
import { oddNames, twinNames, twinPairs } from './class-names.ts'
import type { Crowds } from './coco-mask.ts'
import { findMasks } from './folder-masks.ts'
import { folderRegions } from './folder-regions.ts'
import { chooseSplit, listedSplits, rowSplits, splitSlips } from './folder-splits.ts'
import { type ImageListing, imageId, listImages } from './image-listing.ts'
import {
  checkClasses,
  classIndices,
  maskWarning,
  readClassFile,
  sample,
  untaggedFault,
  untaggedWarning,
} from './listing.ts'
import { findLegend, legendClasses, type MaskLegend } from './mask-legend.ts'
import { withMaskReading } from './mask-reading.ts'
import { tagsFromMasks } from './mask-tags.ts'
import { type Fault, FIRST, type Problems } from './problems.ts'
import type { Dataset, Sample } from './sample.ts'
import { canonicalSplit } from './split-names.ts'
import { findExports, findTagFiles, findWorkbook, unreadTables } from './tag-file.ts'
import { imageFolder, readTaggedImages, type TaggedImages } from './tagged-images.ts'
import type { TagSource } from './tags/tag-options.ts'

/** Whether the folder has a table of tags, the export of a tagging tool, or the workbook that it should be saved from. */
export async function isFolderLayout(root: string): Promise<boolean> {
  if ((await findTagFiles(root)).length > 0 || (await findWorkbook(root)) !== undefined) return true
  return (await findExports(root)).length > 0
}

export interface OpenFolderOptions {
  readonly split: string
  readonly classes?: readonly string[] | undefined
  /** A folder for each class in place of a table of tags. */
  readonly classFolders?: boolean
  /** Where the tags come from. */
  readonly tags?: TagSource
  /** Regions of crowds in masks that are drawn from a COCO JSON. */
  readonly crowds?: Crowds
  readonly problems?: Problems
}

/** Opens one split. Throws InputError on missing images or a bad tag file; absent images and unknown classes are faults. */
export async function openFolder(
  root: string,
  {
    split,
    classes,
    classFolders = false,
    tags: tagSource = 'auto',
    crowds = 'ignore',
    problems = FIRST,
  }: OpenFolderOptions,
): Promise<Dataset> {
  const listed = classes ?? (await readClassFile(root))
  const known = listed ?? []
  const images = classFolders
    ? await readClassFolders(root, { known, problems })
    : await readTaggedImages(root, { known, tags: tagSource, problems })
  if (images === undefined) throw await withoutTags(root)
  const { base, listing, rows, source } = images
  const legend = await findLegend(root, { problems })
  const fromMasks = tagSource === 'masks'
  const names = listed ?? (fromMasks ? maskClasses(root, legend) : sortedTags(images))
  checkClasses(classes === undefined ? source : 'classes', names)
  const indices = new Map(names.map((name, index) => [name, index]))
  const { roots } = classFolders ? { roots: [base, basename(base)] } : await imageFolder(root)
  const chosen = await chooseSplit(root, { split, images, roots, problems })
  const tags = new Map(
    [...rows].map(([file, row]) => [
      file,
      classIndices(row.tags, { classes: indices, file: source, field: row.where, problems }),
    ]),
  )
  const { masks, warnings: maskWarnings } = await findMasks(root, listing.files, { problems })
  const regions =
    masks.size > 0
      ? undefined
      : await folderRegions(root, { source, files: listing.files, classes: names, crowds, problems })
  const samples = chosen.map((file): Sample => {
    const drawn = regions?.drawn.get(file)
    return {
      id: imageId(file),
      image: join(base, file),
      tags: tags.get(file) ?? [],
      mask: drawn === undefined ? masks.get(file) : regions!.file,
      ...(drawn !== undefined && { drawn }),
    }
  })
  const untagged = fromMasks ? [] : chosen.filter(file => (tags.get(file) ?? []).length === 0)
  const read = await withMaskReading(
    {
      name: basename(root),
      root,
      split,
      classes: [...names],
      samples,
      warnings: [
        ...images.warnings,
        ...(regions?.warnings ?? []),
        ...(classFolders || fromMasks ? [] : withoutRow(images, chosen, problems)),
        ...withoutSplit(images, chosen, problems),
        ...(images.splits && !classFolders ? splitSlips(images, problems) : []),
        ...untaggedWarning(untagged, {
          ...(!classFolders && {
            rowless: chosen.filter(file => !rows.has(file)).length,
            source: basename(source),
          }),
          problems,
          each: () => untaggedFaults(images, untagged, classFolders),
        }),
        ...(listed === undefined ? [...slips(images, problems), ...oddNames(names)] : []),
        ...maskWarnings,
        ...withoutMask(samples, problems),
      ],
      notes: [...images.notes, ...(regions?.notes ?? [])],
    },
    { legend },
  )
  return fromMasks ? tagsFromMasks(read, { problems }) : read
}

/** The classes of masks are those of their legend. */
function maskClasses(root: string, legend: MaskLegend | undefined): string[] {
  if (legend !== undefined) return legendClasses(legend)
  throw new InputError(root, 'names no classes of its masks', {
    field: 'data.tags',
    expected:
      'add classes.txt with a class a line, in the order of the labels from 1, or labels.txt with names and colours',
  })
}

/** The splits that the folder names; none when all of it is one. */
export async function folderSplits(
  root: string,
  {
    classFolders = false,
    tags = 'auto',
    problems = FIRST,
  }: Pick<OpenFolderOptions, 'classFolders' | 'tags' | 'problems'> = {},
): Promise<string[]> {
  const listed = await listedSplits(root)
  if (classFolders) return [...listed, ...(await classFolderSplits(root))]
  const images = await readTaggedImages(root, {
    known: (await readClassFile(root)) ?? [],
    tags,
    problems,
  })
  return [...new Set([...listed, ...rowSplits(images?.rows.values() ?? []).map(canonicalSplit)])]
}

export interface OpenImagesOptions {
  /** Gets warnings about files that are not read. */
  readonly report?: (sentence: string) => void
}

/** Every image of a folder and those below it, without tags or masks. Throws InputError when there is none. */
export async function openImages(
  folder: string,
  { report = () => undefined }: OpenImagesOptions = {},
): Promise<Sample[]> {
  const listing: ImageListing = await listImages(folder, {
    expected: 'give a folder of images (jpg, png, webp, tif, gif or avif)',
  })
  for (const sentence of [...listing.warnings, ...listing.notes]) report(sentence)
  return listing.files.map(file => ({
    id: imageId(file),
    image: join(folder, file),
    tags: [],
    mask: undefined,
  }))
}

async function withoutTags(root: string): Promise<InputError> {
  const workbook = await findWorkbook(root)
  const unread = workbook === undefined ? await unreadTables(root) : ''
  return workbook === undefined
    ? new InputError(root, `has neither tags.csv nor tags.json${unread}`, {
        expected: `${unread === '' ? '' : 'mend that, or '}add tags.csv with the columns file,tags (tags separated by ";"), or ${CLASS_FOLDERS}`,
      })
    : new InputError(join(root, workbook), 'is a workbook, which is not read', {
        expected: 'save it as tags.csv (CSV) in the spreadsheet',
      })
}

function sortedTags({ rows, source }: TaggedImages): string[] {
  const names = [...imagesOf(rows.values()).keys()].sort()
  if (names.length === 0)
    throw new InputError(source, 'has no tags at all', {
      field: 'tags',
      expected: 'tag at least one image',
    })
  return names
}

/** Images of each class. */
function imagesOf(rows: Iterable<{ readonly tags: readonly string[] }>): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { tags } of rows) for (const tag of tags) counts.set(tag, (counts.get(tag) ?? 0) + 1)
  return counts
}

/** Warns of images without a row, but for the chosen ones, which are named as untagged. */
function withoutRow(
  { base, listing, rows, source }: TaggedImages,
  chosen: readonly string[],
  problems: Problems,
): string[] {
  const told = new Set(chosen)
  const without = listing.files.filter(file => !rows.has(file) && !told.has(file))
  return without.length === 0
    ? []
    : problems.doubt(
        'untagged',
        `${count(without.length, 'image', 'has')} no row in ${basename(source)}: ${sample(without)}`,
        () => without.map(file => untaggedFault(join(base, file), `has no row in ${basename(source)}`)),
      )
}

/** Images without tags; one whose tags are no classes is named by those. */
function untaggedFaults(
  { base, rows, source }: TaggedImages,
  untagged: readonly string[],
  classFolders: boolean,
): Fault[] {
  return untagged
    .filter(file => (rows.get(file)?.tags ?? []).length === 0)
    .map(file =>
      rows.has(file) || classFolders
        ? untaggedFault(join(base, file))
        : untaggedFault(join(base, file), `has no row in ${basename(source)}`),
    )
}

/** Warns of class names that differ in a letter; the rows of the rarer one are named. */
function slips({ rows, source }: TaggedImages, problems: Problems): string[] {
  const counts = imagesOf(rows.values())
  return twinNames(counts).flatMap(sentence =>
    problems.doubt('slip', sentence, () =>
      twinPairs(counts).flatMap(({ rarer, other }) =>
        [...rows.values()]
          .filter(row => row.tags.includes(rarer))
          .map(({ file, where }) => ({
            file: source,
            field: where,
            problem: `tags ${file} with "${rarer}" (${count(counts.get(rarer)!, 'image')}), nearly "${other}" (${count(counts.get(other)!, 'image')})`,
            expected: `write "${other}" if it is a slip; else list the classes in classes.txt`,
          })),
      ),
    ),
  )
}

/** Warns of rows without a split where others have one. */
function withoutSplit(
  { base, rows, source, splits }: TaggedImages,
  chosen: readonly string[],
  problems: Problems,
): string[] {
  const there = new Set(chosen)
  const blank = [...rows].filter(([file, row]) => !there.has(file) && (row.split ?? '') === '')
  return !splits || blank.length === 0
    ? []
    : problems.doubt(
        'no-split',
        `${count(blank.length, 'image', 'has')} no split and are in none: ${sample(blank.map(([file]) => file))}`.replace(
          'has no split and are',
          'has no split and is',
        ),
        () =>
          blank.map(([file, { where }]) => ({
            file: join(base, file),
            problem: `has no split in ${basename(source)} (${where}) and is in none`,
            expected: 'write its split, or take it out',
          })),
      )
}

function withoutMask(samples: readonly Sample[], problems: Problems): string[] {
  const without = samples.filter(({ mask }) => mask === undefined)
  return without.length === 0 || without.length === samples.length ? [] : maskWarning(without, problems)
}
