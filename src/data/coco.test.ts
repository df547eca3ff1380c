import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { writeLabelMap } from '../io/indexed-png.ts'
import { type Dataset, openDataset } from './dataset.ts'
import { readTruth } from './truth.ts'

// Three of COCO's categories, with its gaps: 1, 13 and 90 are classes 0, 1 and 2.
const categories = [
  { id: 90, name: 'toothbrush' },
  { id: 1, name: 'person' },
  { id: 13, name: 'stop sign' },
]
const images = [
  { id: 9, file_name: 'COCO_train2014_000000000009.jpg' },
  { id: 25, file_name: 'COCO_train2014_000000000025.jpg' },
  { id: 30, file_name: 'COCO_train2014_000000000030.jpg' },
]
const annotations = [
  { image_id: 9, category_id: 90 },
  { image_id: 9, category_id: 1 },
  { image_id: 9, category_id: 1 },
  { image_id: 25, category_id: 13 },
]

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tagmask-coco-'))
  for (const folder of ['annotations', 'train2014', 'masks']) await mkdir(join(root, folder))
  for (const { file_name } of images) await writeFile(join(root, 'train2014', file_name), '')
  await write({ images, annotations, categories })
})
afterEach(() => rm(root, { recursive: true }))

function write(instances: object | string, name = 'train2014'): Promise<void> {
  const text = typeof instances === 'string' ? instances : JSON.stringify(instances)
  return writeFile(join(root, 'annotations', `instances_${name}.json`), text)
}

/** A mask of two pixels. */
const mask = (name: string, ...data: number[]): Promise<void> =>
  writeLabelMap(join(root, 'masks', name), { width: data.length, height: 1, data: Uint8Array.from(data) })

const open = (split = 'train'): Promise<Dataset> => openDataset(root, { split })

test('classes are the categories by id without the gaps, tags the annotations of a picture', async () => {
  const { classes, pictures, warnings } = await open()
  expect(classes).toEqual(['person', 'stop sign', 'toothbrush'])
  expect(pictures.map(({ id, tags }) => [id, tags])).toEqual([
    ['COCO_train2014_000000000009', [0, 2]],
    ['COCO_train2014_000000000025', [1]],
    ['COCO_train2014_000000000030', []],
  ])
  expect(pictures[0]!.image).toBe(join(root, 'train2014', images[0]!.file_name))
  expect(warnings).toEqual([
    '1 picture has no tags (not trained on; no class map and no pseudo mask is made of it): COCO_train2014_000000000030',
  ])
})

describe('masks', () => {
  const labels = async ({ pictures }: Dataset, i: number): Promise<number[]> => {
    return [...(await readTruth(pictures[i]!)).data]
  }

  test('numbered by category ids become labels', async () => {
    await mask('COCO_train2014_000000000009.png', 0, 1, 90, 255)
    await mask('000000000025.png', 13)
    const dataset = await open()
    expect(await labels(dataset, 0)).toEqual([0, 1, 3, 255])
    expect(await labels(dataset, 1)).toEqual([2])
    expect(dataset.pictures[2]!.mask).toBeUndefined()
  })

  test('numbered by label stay as they are', async () => {
    await mask('000000000009.png', 0, 1, 3, 255)
    await mask('000000000025.png', 2)
    const dataset = await open()
    expect(dataset.pictures[0]!.maskReading).toBeUndefined()
    expect(await labels(dataset, 0)).toEqual([0, 1, 3, 255])
  })

  test('a number of no category is named', async () => {
    await mask('000000000009.png', 1, 90)
    await mask('000000000025.png', 13, 12)
    await expect(labels(await open(), 1)).rejects.toThrow(
      /000000000025\.png: holds the number 12, which names no class; in these masks the numbers are category ids/,
    )
  })

  test('one that cannot be read says nothing of the others', async () => {
    await writeFile(join(root, 'masks', '000000000009.png'), 'no picture')
    await mask('000000000025.png', 13)
    expect(await labels(await open(), 1)).toEqual([2])
  })
})

describe('bad input', () => {
  test('a split that is not there, or in several years', async () => {
    await expect(open('trian2014')).rejects.toThrow(
      /annotations \(split\): no such split; did you mean "train2014"\?/,
    )
    await expect(open('test')).rejects.toThrow(/no such split; the splits are train2014/)
    await write({ images, annotations, categories }, 'train2017')
    await expect(open('train')).rejects.toThrow(/has several years of train; say which: train2014, train2017/)
    expect((await open('train2014')).pictures).toHaveLength(3)
  })

  test('absent pictures', async () => {
    await rm(join(root, 'train2014', images[1]!.file_name))
    await expect(open()).rejects.toThrow(
      /train2014: lacks 1 of 3 pictures: COCO_train2014_000000000025\.jpg; every picture/,
    )
    await rm(join(root, 'train2014'), { recursive: true })
    await expect(open()).rejects.toThrow(
      /has no folder with the pictures of train2014; put them into train2014\//,
    )
  })

  test.for([
    ['{"images": [', /instances_train2014\.json: is cut short or no JSON; download it again/],
    ['{}', /is not a list of instances; images \{id, file_name\}/],
    ['{"images": [], "annotations": [3], "categories": []}', /is not a list of instances/],
    ['{"images": [], "annotations": [], "categories": []}', /\(classes\): names no class/],
  ] as const)('annotations %s', async ([text, message]) => {
    await write(text)
    await expect(open()).rejects.toThrow(message)
  })

  test('a category that is not listed, and categories of another split', async () => {
    await write({ images, annotations: [{ image_id: 9, category_id: 12 }], categories })
    await expect(open()).rejects.toThrow(
      /an annotation of picture 9 has the category 12; every category must be listed/,
    )
    await write({ images, annotations, categories })
    await expect(openDataset(root, { split: 'train', classes: ['cat'] })).rejects.toThrow(
      /\(categories\): its categories are person, stop sign, toothbrush; they must be those of the other split: cat/,
    )
  })

  test('another layout where COCO was asked for', async () => {
    await rm(join(root, 'annotations'), { recursive: true })
    await expect(openDataset(root, { split: 'train', layout: 'coco' })).rejects.toThrow(
      /does not have the layout of COCO; annotations\/instances_train2014\.json and its pictures are needed/,
    )
  })
})
