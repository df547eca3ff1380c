/** @file What is left out of a COCO JSON, in words: annotations of no category, and polygons without an area. */
import { count } from '../io/count.ts'
import type { Instances } from './coco-file.ts'
import { sample } from './listing.ts'
import type { Problems } from './problems.ts'

/** Whether a polygon of a region has fewer than three corners, so no pixels. */
export function hasThinPolygon(segmentation: unknown): boolean {
  if (!Array.isArray(segmentation)) return false
  const polygons: readonly unknown[] = typeof segmentation[0] === 'number' ? [segmentation] : segmentation
  return polygons.some(corners => Array.isArray(corners) && corners.length < 6)
}

/** `thin`: annotations with such a polygon, as they are named. */
export function doubtThinPolygons(file: string, thin: readonly string[], problems: Problems): string[] {
  if (thin.length === 0) return []
  return problems.doubt(
    'lost-annotation',
    `${file}: ${count(thin.length, 'annotation', 'has')} a polygon of fewer than three corners, which has no pixels: ${sample(thin)}`,
    () =>
      thin.map(field => ({
        file,
        field,
        problem: 'has a polygon of fewer than three corners, which has no pixels',
        expected: 'x and y of three corners at least: draw it again, or take it out',
      })),
  )
}

/** Annotations whose category is not listed tag nothing. */
export function doubtCategories(
  file: string,
  { images, annotations, categories }: Pick<Instances, 'images' | 'annotations' | 'categories'>,
  problems: Problems,
): string[] {
  const known = new Set(categories.map(({ id }) => id))
  const lost = annotations.filter(({ category_id }) => !known.has(category_id))
  if (lost.length === 0) return []
  const ids = [...new Set(lost.map(({ category_id }) => String(category_id)))]
  return problems.doubt(
    'lost-annotation',
    `${file}: ${count(lost.length, 'annotation', 'has')} a category that is not listed, left out: ${sample(ids)}`,
    () => {
      const names = new Map(images.map(({ id, file_name }) => [id, file_name]))
      return lost.map(({ image_id, category_id }) => ({
        file,
        field: `image ${image_id}`,
        problem: `an annotation of ${names.get(image_id) ?? 'it'} has the category ${category_id}, which is not listed`,
        expected: 'list it under categories, or correct the annotation',
      }))
    },
  )
}

/** Names of categories without an annotation, which become no class. */
export function emptyCategories({
  annotations,
  categories,
}: Pick<Instances, 'annotations' | 'categories'>): string[] {
  const used = new Set(annotations.map(({ category_id }) => category_id))
  return categories.filter(({ id }) => !used.has(id)).map(({ name }) => name)
}
