import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { CASES, CLASSES, exportCases } from '../../test/export-cases.ts'
import { decodeCocoCounts } from '../../test/mask-decoders.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { coco } from './coco.ts'

interface Coco {
  categories: { id: number; name: string }[]
  images: { id: number; file_name: string; width: number; height: number }[]
  annotations: {
    id: number
    image_id: number
    category_id: number
    iscrowd: number
    area: number
    bbox: number[]
    score?: number
    segmentation: { size: [number, number]; counts: string }
  }[]
}

async function exported(
  options: Parameters<typeof exportCases>[2] = {},
): Promise<{ told: readonly string[]; json: Coco }> {
  const out = join(await temporaryFolder([]), 'masks.json')
  const { told } = await exportCases(coco, out, options)
  return { told, json: JSON.parse(await readFile(out, 'utf8')) as Coco }
}

it('gives back every mask but for void, by a decoder of its own', async () => {
  const { json, told } = await exported()
  expect(json.images.map(image => image.file_name)).toEqual(CASES.map(image => image.fileName))
  expect(new Set(json.annotations.map(({ id }) => id)).size).toBe(json.annotations.length)
  for (const [i, { width, height, data }] of CASES.entries()) {
    expect(json.images[i]).toMatchObject({ id: i + 1, width, height })
    const drawn = new Uint8Array(width * height)
    for (const one of json.annotations.filter(({ image_id }) => image_id === i + 1)) {
      expect(one.segmentation.size).toEqual([height, width])
      const pixels = decodeCocoCounts(one.segmentation.counts, [height, width])
      for (const [at, inside] of pixels.entries()) if (inside === 1) drawn[at] = one.category_id
      const inside = pixels.flatMap((value, at) => (value === 1 ? [at] : []))
      const [xs, ys] = [inside.map(at => at % width), inside.map(at => Math.floor(at / width))]
      const [x, y] = [Math.min(...xs), Math.min(...ys)]
      expect(one.area).toBe(inside.length)
      expect(one.bbox).toEqual([x, y, Math.max(...xs) - x + 1, Math.max(...ys) - y + 1])
      expect(one.iscrowd).toBe(0)
    }
    expect(drawn).toEqual(data.map(label => (label === 255 ? 0 : label)))
  }
  expect(told).toEqual(['void pixels (255) of 6 masks are in no annotation: COCO has no place for them'])
})

it('names classes from id 1, one annotation for each class of an image, with its score where it is known', async () => {
  const { json } = await exported()
  expect(json.categories.map(({ id, name }) => [id, name])).toEqual(CLASSES.map((name, k) => [k + 1, name]))
  const of = (image: number) => json.annotations.filter(({ image_id }) => image_id === image)
  expect(of(1).map(({ category_id, score }) => [category_id, score])).toEqual([
    [1, 0.8123],
    [2, 0.25],
  ])
  expect(of(2).map(one => [one.category_id, 'score' in one])).toEqual([
    [1, false],
    [2, false],
  ])
  expect(of(CASES.findIndex(({ fileName }) => fileName === 'empty.jpg') + 1)).toEqual([])
})

it('has polygons whose areas are those of the masks, at tolerance 0', async () => {
  const { json } = await exported({ polygons: true, tolerance: 0 })
  const runs = await exported()
  expect(json.annotations).toHaveLength(runs.json.annotations.length)
  for (const { area, segmentation } of json.annotations) {
    const polygons = segmentation as unknown as number[][]
    expect(polygons.reduce((sum, polygon) => sum + areaOf(polygon), 0)).toBe(area)
  }
})

/** Of a polygon x0, y0, x1, y1, ... (the shoelace formula). */
function areaOf(polygon: readonly number[]): number {
  let twice = 0
  for (let i = 0; i < polygon.length; i += 2) {
    const [x, y] = [polygon[i]!, polygon[i + 1]!]
    const [nextX, nextY] = [polygon[(i + 2) % polygon.length]!, polygon[(i + 3) % polygon.length]!]
    twice += x * nextY - nextX * y
  }
  return Math.abs(twice) / 2
}
