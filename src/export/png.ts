/** @file `png`: a PNG for each mask, of indices with the VOC palette or, with `colour`, of colours. */
import { encodeColours } from '../io/colour-png.ts'
import { encodeLabelMap } from '../io/indexed-png.ts'
import { labelColour, legendFiles } from '../io/label-legend.ts'
import type { ExportFormat } from './export-format.ts'

export const png: ExportFormat = {
  brief: 'ID.png of label indices with the VOC palette, 255 void; --colour: of colours',
  perImage: true,
  options: ['colour'],
  async write(images, files, { classes, colour }) {
    for (const [name, text] of legendFiles(['background', ...classes])) await files.put(name, text)
    for await (const image of images) {
      if (image.made) continue
      const bytes = colour ? await encodeColours(image, labelColour) : encodeLabelMap(image)
      await files.put(`${image.id}.png`, bytes)
    }
  },
}
