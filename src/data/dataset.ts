/** @file Opening a folder of tagged pictures: VOC's layout, COCO's, or a plain one; knows names and tags, decodes nothing. */
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { InputError } from '../errors.ts'
import { isCocoLayout, openCoco } from './coco.ts'
import { isFolderLayout, openFolder } from './folder.ts'
import type { Dataset, Picture } from './picture.ts'
import { findVocRoot, openVoc } from './voc.ts'

export type { Dataset, Picture } from './picture.ts'

export interface OpenDatasetOptions {
  /** Name of the split file or of a value in the `split` column. */
  readonly split?: string
  readonly layout?: 'auto' | 'voc' | 'coco' | 'folder'
  /** Class names in order; else classes.txt, else the VOC classes (VOC) or the sorted tags (plain folder). */
  readonly classes?: readonly string[] | undefined
}

/** Reads lists and tags. Throws InputError on a missing or empty folder, an unknown class, absent pictures. */
export async function openDataset(
  root: string,
  { split = 'train', layout = 'auto', classes }: OpenDatasetOptions = {},
): Promise<Dataset> {
  const folder = resolve(root)
  const found = await stat(folder).catch(() => undefined)
  if (found === undefined) throw new InputError(root, 'no such folder', { expected: LAYOUTS })
  if (!found.isDirectory()) throw new InputError(root, 'is a file, not a folder', { expected: LAYOUTS })
  const isCoco = (layout === 'auto' || layout === 'coco') && (await isCocoLayout(folder))
  if (isCoco) return openCoco(folder, { split, classes })
  if (layout === 'coco')
    throw new InputError(root, 'does not have the layout of COCO', {
      expected: 'annotations/instances_train2014.json and its pictures are needed',
    })
  const voc = layout === 'folder' ? undefined : await findVocRoot(folder)
  if (voc !== undefined) return openVoc(voc, { split, classes })
  if (layout === 'voc')
    throw new InputError(root, 'does not have the layout of VOC', {
      expected:
        'JPEGImages/ and ImageSets/Segmentation/ are needed, here or in VOC2012/ or VOCdevkit/VOC2012/',
    })
  if (layout === 'auto' && !(await isFolderLayout(folder)))
    throw new InputError(root, 'holds no data set that can be recognised', { expected: LAYOUTS })
  return openFolder(folder, { split, classes })
}

/** The pictures with at least one tag: those that can be trained on. */
export function tagged(dataset: Dataset): readonly Picture[] {
  return dataset.pictures.filter(({ tags }) => tags.length > 0)
}

const LAYOUTS =
  'give a folder with images/ and tags.csv (file,tags), a VOC folder with JPEGImages/ and ImageSets/Segmentation/, or a COCO folder with annotations/'
