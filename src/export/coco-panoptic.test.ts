import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { CASES, CLASSES, exportCases } from '../../test/export-cases.ts'
import { decodeColours } from '../../test/mask-decoders.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { cocoPanoptic } from './coco-panoptic.ts'

interface Panoptic {
  categories: { id: number; name: string; isthing: number }[]
  images: { id: number; file_name: string }[]
  annotations: {
    image_id: number
    file_name: string
    segments_info: { id: number; category_id: number; area: number; bbox: number[]; iscrowd: number }[]
  }[]
}

it('gives back every mask, the background as a category and void as 0', async () => {
  const out = join(await temporaryFolder([]), 'out')
  await exportCases(cocoPanoptic, out)
  const json = JSON.parse(await readFile(join(out, 'panoptic.json'), 'utf8')) as Panoptic
  expect(json.categories.map(({ id, name, isthing }) => [id, name, isthing])).toEqual(
    [...CLASSES, 'background'].map((name, k) => [k + 1, name, 0]),
  )
  expect(json.images.map(({ file_name }) => file_name)).toEqual(CASES.map(({ fileName }) => fileName))
  for (const [i, { data, width }] of CASES.entries()) {
    const { image_id, file_name, segments_info } = json.annotations[i]!
    expect(image_id).toBe(i + 1)
    // id = R + 256 G + 65536 B
    const ids = (await decodeColours(join(out, 'panoptic', file_name))).map(
      colour => (colour >> 16) + (colour & 0xff00) + ((colour & 255) << 16),
    )
    const categories = new Map(segments_info.map(({ id, category_id }) => [id, category_id]))
    const labels = ids.map(id => (id === 0 ? 255 : categories.get(id)! % (CLASSES.length + 1)))
    expect(labels).toEqual([...data])
    for (const { id, area, bbox, iscrowd } of segments_info) {
      const inside = ids.flatMap((one, at) => (one === id ? [at] : []))
      expect([area, iscrowd]).toEqual([inside.length, 0])
      expect(bbox.slice(0, 2)).toEqual([
        Math.min(...inside.map(at => at % width)),
        Math.floor(inside[0]! / width),
      ])
    }
    expect(new Set(ids.filter(id => id !== 0))).toEqual(new Set(categories.keys()))
  }
})
