/** @file A COCO JSON beside images reduced to tags: the categories of their annotations. */
import { doubtCategories, emptyCategories } from '../coco-doubts.ts'
import { readInstances } from '../coco-file.ts'
import { sample } from '../listing.ts'
import { FIRST } from '../problems.ts'
import type { TagRow, TagRows } from '../tag-table.ts'
import type { ExportContext } from './label-studio.ts'

/** Images without annotations have a row without tags. Throws InputError and tells faults as `readInstances`. */
export async function cocoRows(
  path: string,
  { nameOf, problems = FIRST }: ExportContext,
): Promise<TagRows & { readonly warnings: readonly string[] }> {
  const instances = await readInstances(path, problems)
  const { images, annotations, categories } = instances
  const names = new Map(categories.map(({ id, name }) => [id, name]))
  const tags = new Map(images.map(({ id }) => [id, new Set<string>()]))
  for (const { image_id, category_id } of annotations) {
    const name = names.get(category_id)
    if (name !== undefined) tags.get(image_id)?.add(name) // an image may be left out
  }
  const rows = images.map(
    ({ id, written }): TagRow => ({
      file: nameOf(written),
      tags: [...tags.get(id)!],
      split: undefined,
      where: `image ${id}`,
    }),
  )
  const empty = emptyCategories(instances)
  return {
    rows,
    exclusive: false,
    notes: [`${path}: is read as COCO's JSON; the categories of the annotations are the tags`],
    warnings: [
      ...instances.warnings,
      ...doubtCategories(path, instances, problems),
      ...(empty.length === 0
        ? []
        : [`${path}: categories without an annotation tag nothing: ${sample(empty, 5)}`]),
    ],
  }
}
