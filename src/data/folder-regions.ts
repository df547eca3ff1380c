/** @file Masks of a plain folder drawn from masks.json, or from the COCO JSON that its tags come from. */
import { join } from 'node:path'
import { doubtCategories, emptyCategories } from './coco-doubts.ts'
import { isCocoFile, readInstances } from './coco-file.ts'
import type { Crowds, DrawnMask } from './coco-mask.ts'
import { drawnMasks } from './coco-regions.ts'
import { imageNames } from './image-names.ts'
import { isFile } from './image-path.ts'
import { sample } from './listing.ts'
import { FIRST, type Problems } from './problems.ts'
import { foldWord } from './tag-words.ts'

export interface FolderRegions {
  readonly file: string
  /** By image. */
  readonly drawn: ReadonlyMap<string, DrawnMask>
  readonly warnings: readonly string[]
  readonly notes: readonly string[]
}

export interface FolderRegionsOptions {
  /** Where the tags come from. */
  readonly source: string
  readonly files: readonly string[]
  readonly classes: readonly string[]
  readonly crowds: Crowds
  readonly problems?: Problems
}

/** Undefined without such a file, and where the tags' JSON has boxes alone. Throws InputError for a masks.json that is none; wrong entries are faults. */
export async function folderRegions(
  root: string,
  { source, files, classes, crowds, problems = FIRST }: FolderRegionsOptions,
): Promise<FolderRegions | undefined> {
  const own = join(root, 'masks.json')
  const isOwn = await isFile(own)
  const file = isOwn ? own : source
  if (!isOwn && !(/\.json$/i.test(file) && (await isCocoFile(file)))) return undefined
  const instances = await readInstances(file, problems)
  const labelOf = new Map(classes.map((name, k) => [foldWord(name), k + 1]))
  const known = instances.categories.filter(({ name }) => labelOf.has(foldWord(name)))
  const empty = new Set(emptyCategories(instances))
  const others = instances.categories
    .filter(category => !known.includes(category) && !empty.has(category.name))
    .map(({ name }) => name)
  const labels = new Map(known.map(({ id, name }) => [id, labelOf.get(foldWord(name))!]))
  const { drawn, words } = drawnMasks(instances, { labels, crowds, file, problems })
  const names = imageNames(files)
  const byImage = new Map<string, DrawnMask>()
  for (const { id, written } of instances.images) {
    const { file: image } = names.find(written)
    const mask = drawn.get(id)
    if (image !== undefined && mask !== undefined) byImage.set(image, mask)
  }
  if (byImage.size === 0 && !isOwn) return undefined
  return {
    file,
    drawn: byImage,
    warnings: [
      ...(isOwn ? [...instances.warnings, ...doubtCategories(file, instances, problems)] : []), // else said with the tags
      ...words.warnings,
      ...(isOwn && byImage.size === 0 ? [`${file}: draws the mask of no image`] : []),
      ...(others.length === 0 || byImage.size === 0
        ? []
        : [`${file}: categories that are no class are left out of the masks: ${sample(others, 5)}`]),
    ],
    notes: byImage.size === 0 ? [] : words.notes,
  }
}
