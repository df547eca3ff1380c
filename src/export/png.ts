/** @file `png`: a PNG for each mask, of indices with the VOC palette or, with `colour`, of colours. */
import { encodeImage } from '../io/image.ts'
import { encodeLabelMap } from '../io/indexed-png.ts'
import { labelColour, legendFiles } from '../io/label-legend.ts'
import type { ExportFormat } from './export-format.ts'
import type { ExportImage } from './export-image.ts'

export const png: ExportFormat = {
  brief: 'ID.png of label indices with the VOC palette, 255 void; --colour: of colours',
  async write(images, files, { classes, colour }) {
    for (const [name, text] of legendFiles(['background', ...classes])) await files.put(name, text)
    for await (const image of images)
      await files.put(`${image.id}.png`, colour ? await encodeColours(image) : encodeLabelMap(image))
  },
}

/** RGB, each label in its colour of the palette. */
function encodeColours({ width, height, data }: ExportImage): Promise<Uint8Array> {
  const pixels = new Uint8Array(data.length * 3)
  for (let i = 0; i < data.length; i++) pixels.set(labelColour(data[i]!), 3 * i)
  return encodeImage({ width, height, data: pixels })
}
