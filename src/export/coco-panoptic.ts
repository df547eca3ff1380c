/**
 * @file `coco-panoptic`: COCO's panoptic format (https://cocodataset.org/#format-data): panoptic.json, and panoptic/ID.png whose
 * colours are segment ids, R + 256 G + 65536 B. A segment is a class of an image, as in `coco`.
 */
import { encodeColours } from '../io/colour-png.ts'
import { type LabelColour, labelColour } from '../io/label-legend.ts'
import { IGNORE } from '../io/label-values.ts'
import { cocoBox, writeCocoJson } from './coco-json.ts'
import type { ExportFormat } from './export-format.ts'
import { labelAreas } from './label-areas.ts'
import { scoreField } from './score-field.ts'

/** Of no class of the palette; its own (black) is the id of void. */
const BACKGROUND: LabelColour = [50, 50, 50]

export const cocoPanoptic: ExportFormat = {
  brief: 'panoptic.json and PNGs of segment ids; the background is a category, 255 is void',
  async write(images, files, options) {
    const background = options.classes.length + 1
    const category = (id: number, name: string) => ({ id, name, supercategory: 'object', isthing: 0 })
    await writeCocoJson('panoptic.json', images, {
      files,
      options,
      categories: [
        ...options.classes.map((name, k) => category(k + 1, name)),
        category(background, 'background'),
      ],
      annotate: async (image, imageId) => {
        const name = `${image.id}.png`
        await files.put(`panoptic/${name}`, await encodeColours(image, segmentColour))
        const segments = [...labelAreas(image)]
          .filter(([label]) => label !== IGNORE)
          .map(([label, { area, box }]) => ({
            id: segmentId(label),
            category_id: label === 0 ? background : label,
            area,
            bbox: cocoBox(box),
            iscrowd: 0,
            ...scoreField(image.scores?.get(label)),
          }))
        return [{ image_id: imageId, file_name: name, segments_info: segments }]
      },
    })
  },
}

function segmentColour(label: number): LabelColour {
  return label === IGNORE ? [0, 0, 0] : label === 0 ? BACKGROUND : labelColour(label)
}

function segmentId(label: number): number {
  const [red, green, blue] = segmentColour(label)
  return red + 256 * green + 65536 * blue
}
