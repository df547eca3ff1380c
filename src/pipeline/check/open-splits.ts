/** @file Opens every split of a data set and keeps its problems; where none opens, its images without tags. */
import { join } from 'node:path'
import {
  type Dataset,
  findLayout,
  type Layout,
  listSplits,
  type OpenDatasetOptions,
  openDataset,
  type Sample,
} from '../../data/dataset.ts'
import { listTree } from '../../data/file-tree.ts'
import { isReadImage } from '../../data/image-endings.ts'
import { imageId, withoutRuns } from '../../data/image-listing.ts'
import { filesBelow } from '../../data/image-path.ts'
import { imageFolder, isBeside } from '../../data/tagged-images.ts'
import { InputError } from '../../errors.ts'
import type { ProblemList } from './problem-list.ts'

export interface SplitOptions extends Pick<OpenDatasetOptions, 'classes' | 'tags' | 'crowds'> {
  readonly layout: 'auto' | Layout
  /** All when not given. */
  readonly splits?: readonly string[] | undefined
}

export interface OpenedSplits {
  /** The folder of the data set, perhaps below the one given; `layout` undefined: not recognised. */
  readonly root: string
  readonly layout: Layout | undefined
  readonly splits: readonly Dataset[]
  /** Images of no split, where none could be opened. */
  readonly loose: readonly Sample[]
}

/** Throws InputError only where there is no folder. */
export async function openSplits(
  given: string,
  { layout: asked, splits: named, classes, ...sources }: SplitOptions,
  problems: ProblemList,
): Promise<OpenedSplits> {
  const attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof InputError)) throw error
      problems.add('unopened', error)
      return undefined
    }
  }
  const tree = await listTree(given, { expected: 'give the folder of a data set' }) // throws where there is none
  const place = await attempt(() => findLayout(given, { ...sources, layout: asked }))
  const { root, layout } = place ?? { root: given, layout: undefined }
  const there = layout && (await attempt(() => listSplits(root, { ...sources, layout, problems })))
  const opened: Dataset[] = []
  for (const split of inOrder(named ?? (there?.length === 0 ? ['train'] : (there ?? [])))) {
    const known = opened[0]?.classes ?? classes // the first fixes the order, as in a run
    const options = { ...sources, split, classes: known, problems, ...(layout && { layout }) }
    const dataset = await attempt(() => openDataset(root, options))
    if (dataset !== undefined) opened.push(dataset)
  }
  if (opened.length > 0 && layout === 'folder' && named === undefined && there!.length > 0)
    await nameUnlisted(root, opened, problems)
  const loose =
    opened.length > 0 ? [] : withoutRuns(tree.files).filter(file => isReadImage(file) && !isMask(file))
  return {
    root,
    layout,
    splits: opened,
    loose: loose.map(file => ({ id: imageId(file), image: join(given, file), tags: [], mask: undefined })),
  }
}

/** Those that are trained on first. */
function inOrder(splits: readonly string[]): string[] {
  return [...splits].sort((a, b) => Number(/^train/.test(b)) - Number(/^train/.test(a)))
}

function isMask(file: string): boolean {
  return /(^|\/)(masks?|labels?|SegmentationClass\w*|SegmentationObject)\//i.test(file)
}

/** Images of a plain folder that no list names, unless another problem does. */
async function nameUnlisted(root: string, splits: readonly Dataset[], problems: ProblemList): Promise<void> {
  const { base } = await imageFolder(root)
  const listed = new Set(splits.flatMap(({ samples }) => samples.map(({ image }) => image)))
  const named = (['untagged', 'no-split', 'same-name'] as const).map(kind => problems.files(kind))
  for (const file of await filesBelow(base)) {
    const image = join(base, file)
    if (!isReadImage(file) || (base === root && isBeside(file.split('/')[0]!))) continue
    if (listed.has(image) || named.some(files => files.has(image))) continue
    problems.add('no-split', {
      file: image,
      problem: `is in none of the splits ${splits.map(({ split }) => split).join(', ')}`,
      expected: 'add it to one, or take it out',
    })
  }
}
