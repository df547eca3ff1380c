/**
 * @file `coco`: one JSON of COCO's detection format (https://cocodataset.org/#format-data), run lengths or polygons. An annotation
 * is a class of an image: tags do not tell objects of a class apart, and parts of one object would count as several.
 */
import { encodeRuns, packCounts } from '../io/coco-rle.ts'
import { count } from '../io/count.ts'
import { IGNORE } from '../io/label-values.ts'
import { cocoBox, writeCocoJson } from './coco-json.ts'
import type { ExportFormat, ExportOptions } from './export-format.ts'
import type { ExportImage } from './export-image.ts'
import { labelAreas } from './label-areas.ts'
import { bridgedRing, outlinesOf } from './outlines.ts'
import { scoreField } from './score-field.ts'

export const coco: ExportFormat = {
  brief: 'one JSON, an annotation for each class of an image; run lengths, or --polygons',
  options: ['polygons', 'tolerance'],
  file: 'coco.json',
  async write(images, files, options) {
    let ids = 0
    let withVoid = 0
    await writeCocoJson('coco.json', images, {
      files,
      options,
      categories: options.classes.map((name, k) => ({ id: k + 1, name, supercategory: 'object' })),
      annotate: (image, imageId) => {
        const areas = labelAreas(image)
        if (areas.has(IGNORE)) withVoid++
        const shapes = options.polygons ? polygonsOf(image, options) : undefined
        return [...areas]
          .filter(([label]) => label !== 0 && label !== IGNORE)
          .map(([label, { area, box }]) => ({
            id: ++ids,
            image_id: imageId,
            category_id: label,
            iscrowd: 0,
            area,
            bbox: cocoBox(box),
            segmentation: shapes === undefined ? runsOf(image, label) : shapes.get(label),
            ...scoreField(image.scores?.get(label)),
          }))
      },
    })
    if (withVoid > 0)
      options.tell(
        `void pixels (255) of ${count(withVoid, 'mask')} are in no annotation: COCO has no place for them`,
      )
  },
}

function runsOf({ width, height, data }: ExportImage, label: number) {
  const { counts } = encodeRuns({ width, height, data }, { value: label })
  return { size: [height, width], counts: packCounts(counts) }
}

/** Of each label the polygons of its parts; a cut leads to each hole. */
function polygonsOf(
  image: ExportImage,
  { tolerance }: Pick<ExportOptions, 'tolerance'>,
): ReadonlyMap<number, number[][]> {
  const polygons = new Map<number, number[][]>()
  for (const outline of outlinesOf(image, { tolerance })) {
    const ring = [...bridgedRing(outline)]
    polygons.set(outline.label, [...(polygons.get(outline.label) ?? []), ring])
  }
  return polygons
}
