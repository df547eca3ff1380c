/** @file CVAT's export for images (XML 1.1) reduced to tags: <tag>, and the labels of boxes, polygons, masks and so on. */
import { InputError } from '../../errors.ts'
import { count } from '../../io/count.ts'
import { walkXml } from '../../io/xml.ts'
import type { TagRow, TagRows } from '../tag-table.ts'
import type { ExportContext } from './label-studio.ts'

const SHAPES: ReadonlySet<string> = new Set([
  'tag',
  'box',
  'polygon',
  'polyline',
  'points',
  'mask',
  'ellipse',
  'cuboid',
  'skeleton',
])

/** Whether a text begins like this export. */
export function isCvat(text: string): boolean {
  return /^\s*(?:<\?xml[^>]*>\s*)?(?:<!--[^>]*-->\s*)?<annotations[\s>]/.test(text.slice(0, 4096))
}

/** Throws InputError for an export of a video, whose frames have no names here. */
export function cvatRows(path: string, text: string, { nameOf }: ExportContext): TagRows {
  const rows: { file: string; tags: string[]; split: string | undefined; where: string }[] = []
  let [shapes, outside] = [0, 0]
  walkXml(text, path, {
    open: ({ name, attributes }, around) => {
      const level = around.length
      if (level === 1 && name === 'track')
        throw new InputError(path, 'is an export of a video, whose frames have no names', {
          field: 'track',
          expected: 'export the job as "CVAT for images 1.1"',
        })
      if (level === 1 && name === 'image') {
        const { name: file = '', subset, id = String(rows.length) } = attributes
        if (file === '') outside++
        else rows.push({ file: nameOf(file), tags: [], split: subset, where: `image ${id}` })
      }
      if (level === 2 && around[1] === 'image' && SHAPES.has(name) && attributes.label !== undefined) {
        if (name !== 'tag') shapes++
        rows.at(-1)?.tags.push(attributes.label)
      }
    },
  })
  const notes = [
    `${path}: is read as an export of CVAT for images`,
    ...(shapes === 0 ? [] : [`${path}: the labels of ${count(shapes, 'shape')} are tags of their images`]),
    ...(outside === 0 ? [] : [`${path}: ${count(outside, 'image', 'has')} no name, left out`]),
  ]
  return { rows: rows satisfies TagRow[], exclusive: false, notes }
}
