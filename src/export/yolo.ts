/** @file `yolo`: segmentation polygons as Ultralytics trains on them, and data.yaml. */
import { extname } from 'node:path/posix'
import { stringify } from 'yaml'
import type { ExportFormat } from './export-format.ts'
import type { ExportImage } from './export-image.ts'
import { insetPolygon } from './outline/inset.ts'
import { bridgedRing, outlinesOf } from './outlines.ts'

const SPLITS = ['train', 'val', 'test'] as const
type YoloSplit = (typeof SPLITS)[number]

export const yolo: ExportFormat = {
  brief: 'labels/{train,val}/NAME.txt of polygons and data.yaml, for YOLO segmentation (Ultralytics)',
  perImage: true,
  options: ['tolerance', 'images'],
  async write(images, files, { classes, tolerance, images: withImages, tell }) {
    const found = new Set<YoloSplit>(['train'])
    for await (const image of images) {
      const split = splitOf(image)
      found.add(split)
      if (image.made) continue
      const name = nameOf(image)
      await files.put(`labels/${split}/${name}.txt`, yoloLines(image, { tolerance }))
      if (withImages && image.image !== undefined)
        await files.copy(`images/${split}/${name}${extname(image.fileName)}`, image.image)
    }
    if (!found.has('val'))
      tell(
        'yolo: no image is of a val split, so val in data.yaml is images/train: its scores are of training images',
      )
    if (!withImages)
      tell(
        `yolo: put the images into ${[...found].map(split => `images/${split}/`).join(', ')} under the names of their labels, or export with --copy-images`,
      )
    await files.put('data.yaml', dataYaml(classes, found))
  },
}

function splitOf({ split }: ExportImage): YoloSplit {
  if (split === undefined) return 'train'
  if (/^(val|valid|validation|dev)$/i.test(split)) return 'val'
  return /^test/i.test(split) ? 'test' : 'train'
}

/** Its path below images/; Ultralytics finds the labels by replacing the last folder named `images`. */
function nameOf({ id, fileName }: ExportImage): string {
  const isMistaken = /(^|\/)images\//.test(fileName)
  return isMistaken ? id : fileName.replace(/\.[^./]*$/, '')
}

/** A line for each part: class from 0, then x and y of each point in 0..1. Empty for an empty mask. */
export function yoloLines(image: ExportImage, { tolerance }: { tolerance: number }): string {
  const { width, height } = image
  const digits = Math.ceil(Math.log10(Math.max(width, height))) + 3 // a tenth of the inset, at the least
  return outlinesOf(image, { tolerance })
    .map(outline => {
      const ring = bridgedRing(insetPolygon(outline))
      const numbers = ring.map((value, i) => (value / (i % 2 === 0 ? width : height)).toFixed(digits))
      return `${outline.label - 1} ${numbers.join(' ')}\n`
    })
    .join('')
}

/** Without `path`, paths are those beside the file. */
function dataYaml(classes: readonly string[], found: ReadonlySet<YoloSplit>): string {
  const splits = SPLITS.filter(split => split !== 'test' || found.has(split))
  const paths = splits.map(split => [split, `images/${found.has(split) ? split : 'train'}`])
  const value = { ...Object.fromEntries(paths), names: new Map(classes.entries()) }
  // texts are quoted: Ultralytics reads YAML 1.1, where no, on and 12:30 are something else
  return stringify(value, { lineWidth: 0, defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN' })
}
