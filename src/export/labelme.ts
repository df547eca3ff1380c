/** @file `labelme`: a JSON of polygons for each image, which labelme opens and its labelme2voc.py draws again. */
import { basename } from 'node:path/posix'
import type { ExportFormat } from './export-format.ts'
import type { ExportImage } from './export-image.ts'
import { insetPolygon } from './outline/inset.ts'
import { bridgedRing, type Outline, outlinesOf } from './outlines.ts'

/** Readers of version 5 warn of another major version; later ones read any. */
const VERSION = '5.5.0'

export const labelme: ExportFormat = {
  brief: 'a JSON of polygons for each image, to lie beside it; and labels.txt for labelme2voc.py',
  perImage: true,
  options: ['tolerance', 'images'],
  async write(images, files, { classes, tolerance, images: withImages, tell }) {
    await files.put(
      'labels.txt',
      ['__ignore__', '_background_', ...classes].map(name => `${name}\n`).join(''),
    )
    for await (const image of images) {
      if (image.made) continue
      const name = image.fileName.replace(/\.[^./]*$/, '')
      await files.put(`${name}.json`, labelmeText(image, { classes, tolerance }))
      if (withImages && image.image !== undefined) await files.copy(image.fileName, image.image)
    }
    if (!withImages)
      tell('labelme: put each JSON beside its image (sub-folders are kept), or export with --copy-images')
  },
}

/** The JSON of one image, as labelme writes it. */
export function labelmeText(
  image: ExportImage,
  { classes, tolerance }: { classes: readonly string[]; tolerance: number },
): string {
  const { width, height, fileName, scores } = image
  const outlines = outlinesOf(image, { tolerance })
  const parts = new Map<number, number>()
  for (const { label } of outlines) parts.set(label, (parts.get(label) ?? 0) + 1)
  const shapes = outlines.map(outline => {
    const { label } = outline
    const score = scores?.get(label)
    return {
      label: classes[label - 1],
      points: pointsOf(outline),
      // an instance of labelme is a label and a group: a mask does not say which parts are one thing
      group_id: parts.get(label) === 1 ? null : label,
      description: score === undefined ? '' : `score ${score.toFixed(4)}`,
      shape_type: 'polygon',
      flags: {},
      mask: null,
    }
  })
  return `${JSON.stringify({
    version: VERSION,
    flags: {},
    shapes,
    imagePath: basename(fileName),
    imageData: null,
    imageHeight: height,
    imageWidth: width,
  })}\n`
}

/** Polygons have no holes in labelme: one ring with cuts, whose points people can move. Two digits. */
function pointsOf(outline: Outline): [number, number][] {
  const ring = bridgedRing(insetPolygon(outline))
  const points: [number, number][] = []
  for (let i = 0; i < ring.length; i += 2)
    points.push([Number(ring[i]!.toFixed(2)), Number(ring[i + 1]!.toFixed(2))])
  return points
}
