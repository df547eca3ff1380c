/** @file Opening a folder of tagged images: VOC's layout, COCO's, a plain one, or class folders; knows names and tags, decodes nothing. */
import { join, parse, resolve } from 'node:path'
import { InputError } from '../errors.ts'
import { CLASS_FOLDERS, isClassFolders } from './class-folders.ts'
import { isCocoLayout, listCocoSplits, openCoco } from './coco.ts'
import type { Crowds } from './coco-mask.ts'
import { listTree, statOf } from './file-tree.ts'
import { folderSplits, isFolderLayout, openFolder } from './folder.ts'
import { isReadImage, unreadFormat } from './image-endings.ts'
import { unreadSentence } from './image-listing.ts'
import { listFolder } from './listing.ts'
import { FIRST, type Problems } from './problems.ts'
import type { Dataset, Sample } from './sample.ts'
import { unreadTables } from './tag-file.ts'
import type { TagSource } from './tags/tag-options.ts'
import { findVocRoot, openVoc } from './voc.ts'

export type { Dataset, Sample } from './sample.ts'

/** Folder layouts of data sets. */
export type Layout = 'voc' | 'coco' | 'folder' | 'class-folders'

export interface OpenDatasetOptions {
  /** Name of the split file or of a value in the `split` column. */
  readonly split?: string
  readonly layout?: 'auto' | Layout
  /** Class names in order; else classes.txt, else the VOC classes (VOC) or the sorted tags (plain folder). */
  readonly classes?: readonly string[] | undefined
  /** Regions of crowds in masks that are drawn from a COCO JSON. */
  readonly crowds?: Crowds
  /** auto: what the layout has; masks, annotations, keywords, or the path of a file of tags. */
  readonly tags?: TagSource
  /** What is done with entries that cannot be used; the first is thrown. */
  readonly problems?: Problems
}

export interface Place {
  readonly layout: Layout
  readonly root: string
}

/** Reads lists and tags. Throws InputError on a missing or empty folder, an unknown class, absent images. */
export async function openDataset(
  root: string,
  {
    split = 'train',
    layout: given = 'auto',
    classes,
    crowds = 'ignore',
    tags = 'auto',
    problems = FIRST,
  }: OpenDatasetOptions = {},
): Promise<Dataset> {
  const { layout, root: folder } = await findLayout(root, { layout: given, tags })
  const options = { split, classes, tags, problems }
  switch (layout) {
    case 'coco':
      return openCoco(folder, { ...options, crowds })
    case 'voc':
      return openVoc(folder, options)
    default:
      return openFolder(folder, { ...options, crowds, classFolders: layout === 'class-folders' })
  }
}

/** Names of the splits that a data set has; none when all of it is one. Throws InputError when it is no data set. */
export async function listSplits(
  root: string,
  {
    layout: given = 'auto',
    tags = 'auto',
    problems = FIRST,
  }: Pick<OpenDatasetOptions, 'layout' | 'tags' | 'problems'> = {},
): Promise<string[]> {
  const { layout, root: folder } = await findLayout(root, { layout: given, tags })
  switch (layout) {
    case 'coco':
      return (await listCocoSplits(folder)).map(({ name }) => name)
    case 'voc':
      return (await listFolder(join(folder, 'ImageSets', 'Segmentation'))).flatMap(name =>
        /\.txt$/i.test(name) ? [parse(name).name] : [],
      )
    default:
      return folderSplits(folder, { classFolders: layout === 'class-folders', tags, problems })
  }
}

/**
 * The layout given or found, and its folder. Images whose tags come from elsewhere are a plain folder, whatever folders they
 * are in. Throws InputError when it is no data set.
 */
export async function findLayout(
  root: string,
  { layout, tags = 'auto' }: { layout: 'auto' | Layout; tags?: TagSource },
): Promise<Place> {
  const folder = absolute(root)
  const found = await statOf(folder, LAYOUTS)
  if (found === undefined) throw new InputError(root, 'no such folder', { expected: LAYOUTS })
  if (!found.isDirectory()) throw new InputError(root, 'is a file, not a folder', { expected: LAYOUTS })
  const isCoco = (layout === 'auto' || layout === 'coco') && (await isCocoLayout(folder))
  if (isCoco) return { layout: 'coco', root: folder }
  if (layout === 'coco')
    throw new InputError(root, 'does not have the layout of COCO', {
      expected: 'annotations/instances_train2014.json and its images are needed',
    })
  const voc = layout === 'auto' || layout === 'voc' ? await findVocRoot(folder) : undefined
  if (voc !== undefined) return { layout: 'voc', root: voc }
  if (layout === 'voc')
    throw new InputError(root, 'does not have the layout of VOC', {
      expected:
        'JPEGImages/ and ImageSets/Segmentation/ are needed, here or in VOC2012/ or VOCdevkit/VOC2012/',
    })
  if (layout !== 'auto') return { layout, root: folder }
  if (tags !== 'auto') return { layout: 'folder', root: folder }
  if (await isFolderLayout(folder)) return { layout: 'folder', root: folder }
  if (await isClassFolders(folder)) return { layout: 'class-folders', root: folder }
  if ((await listFolder(folder)).some(name => name.toLowerCase() === 'images'))
    return { layout: 'folder', root: folder } // whose error names what is missing
  throw await noDataset(root, folder)
}

/** The error for a folder that is no data set: images without tags, unreadable formats, something else. */
async function noDataset(root: string, folder: string): Promise<InputError> {
  const { files } = await listTree(folder, { expected: LAYOUTS })
  const images = files.filter(isReadImage)
  const unread = files.filter(name => unreadFormat(name) !== undefined)
  if (images.length > 0)
    return new InputError(
      root,
      `holds no data set that can be recognised: images, but no tags${await unreadTables(folder)}`,
      {
        expected: `add tags.csv with the columns file,tags (tags separated by ";"), or ${CLASS_FOLDERS}`,
      },
    )
  return new InputError(root, 'holds no data set that can be recognised', {
    expected: unread.length > 0 ? unreadSentence(unread) : LAYOUTS,
  })
}

/** The path from the root of the disk. Throws InputError when the working folder is gone. */
function absolute(path: string): string {
  try {
    return resolve(path)
  } catch (cause) {
    throw new InputError(path, 'the current folder no longer exists', {
      expected: 'change to another folder (cd), or give the whole path',
      cause,
    })
  }
}

/** The images with at least one tag: those that can be trained on. */
export function tagged({ samples }: Pick<Dataset, 'samples'>): readonly Sample[] {
  return samples.filter(({ tags }) => tags.length > 0)
}

/** The data set without the others. */
export function onlyTagged(dataset: Dataset): Dataset {
  return { ...dataset, samples: tagged(dataset) }
}

const LAYOUTS =
  'give a folder with images/ and tags.csv (file,tags), one with a folder for each class, a VOC folder with JPEGImages/ and ImageSets/Segmentation/, or a COCO folder with annotations/'
