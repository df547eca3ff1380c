/** @file The regions of each image of a COCO JSON, from which its mask can be drawn. */
import { count } from '../io/count.ts'
import type { CocoAnnotation, Instances } from './coco-file.ts'
import type { Crowds, DrawnMask } from './coco-mask.ts'
import { sample } from './listing.ts'
import { FIRST, type Problems } from './problems.ts'

export interface DrawnMasks {
  /** By the id of the image; an image without annotations has none, as it may be unfinished. */
  readonly drawn: ReadonlyMap<number, DrawnMask>
  readonly words: { readonly warnings: readonly string[]; readonly notes: readonly string[] }
}

export const NO_MASKS: DrawnMasks = { drawn: new Map(), words: { warnings: [], notes: [] } }

const CROWDS: Readonly<Record<Crowds, string>> = {
  ignore: 'crowds (iscrowd) are 255, which is not scored',
  class: 'crowds (iscrowd) have their class',
  'leave-out': 'crowds (iscrowd) are background',
}

/** None when no annotation has a region. `labels`: by category id; annotations of other categories are left out. */
export function drawnMasks(
  { images, annotations }: Pick<Instances, 'images' | 'annotations'>,
  {
    labels,
    crowds,
    file,
    problems = FIRST,
  }: { labels: ReadonlyMap<number, number>; crowds: Crowds; file: string; problems?: Problems },
): DrawnMasks {
  if (annotations.every(({ place }) => place === undefined)) return NO_MASKS
  const byImage = new Map<number, CocoAnnotation[]>()
  for (const annotation of annotations) {
    const list = byImage.get(annotation.image_id)
    if (list === undefined) byImage.set(annotation.image_id, [annotation])
    else list.push(annotation)
  }
  const drawn = new Map<number, DrawnMask>()
  const boxed: string[] = []
  for (const { id, file_name, size } of images) {
    const own = (byImage.get(id) ?? []).filter(({ category_id }) => labels.has(category_id))
    if (own.length === 0) continue
    if (own.some(({ place }) => place === undefined)) {
      boxed.push(file_name)
      continue
    }
    const regions = own.map(({ category_id, crowd, place }) => ({
      label: labels.get(category_id)!,
      crowd,
      place: place!,
    }))
    drawn.set(id, { regions, crowds, size })
  }
  const hasCrowds = annotations.some(({ crowd }) => crowd)
  return {
    drawn,
    words: {
      warnings:
        boxed.length === 0
          ? []
          : problems.doubt(
              'no-mask',
              `${count(boxed.length, 'image', 'has')} annotations without a region, so no mask (left out of scores): ${sample(boxed)}`,
              () =>
                boxed.map(name => ({
                  file,
                  field: 'annotations',
                  problem: `${name} has some without a region, so no mask`,
                  expected: 'draw a region around each object to have it scored',
                })),
            ),
      notes: [
        `${file}: the masks are drawn from its regions, small ones over large ones${hasCrowds ? `; ${CROWDS[crowds]}` : ''}`,
      ],
    },
  }
}
