import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { InputError } from '../errors.ts'
import { writeLabelMap } from '../io/indexed-png.ts'
import { type Dataset, listSplits, openDataset } from './dataset.ts'
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

test('classes are the categories by id without the gaps, tags the annotations of an image', async () => {
  const { classes, samples, warnings } = await open()
  expect(classes).toEqual(['person', 'stop sign', 'toothbrush'])
  expect(samples.map(({ id, tags }) => [id, tags])).toEqual([
    ['COCO_train2014_000000000009', [0, 2]],
    ['COCO_train2014_000000000025', [1]],
    ['COCO_train2014_000000000030', []],
  ])
  expect(samples[0]!.image).toBe(join(root, 'train2014', images[0]!.file_name))
  expect(warnings).toEqual([
    '1 image has no tags (not trained on; no CAM and no pseudo mask is made of it): COCO_train2014_000000000030',
  ])
})

describe('masks', () => {
  const labels = async ({ samples }: Dataset, i: number): Promise<number[]> => {
    return [...(await readTruth(samples[i]!)).data]
  }

  test('numbered by category ids become labels', async () => {
    await mask('COCO_train2014_000000000009.png', 0, 1, 90, 255)
    await mask('000000000025.png', 13)
    const dataset = await open()
    expect(await labels(dataset, 0)).toEqual([0, 1, 3, 255])
    expect(await labels(dataset, 1)).toEqual([2])
    expect(dataset.samples[2]!.mask).toBeUndefined()
  })

  test('numbered by label stay as they are', async () => {
    await mask('000000000009.png', 0, 1, 3, 255)
    await mask('000000000025.png', 2)
    const dataset = await open()
    expect(dataset.samples[0]!.maskReading).toBeUndefined()
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
    await writeFile(join(root, 'masks', '000000000009.png'), 'no image')
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
    expect((await open('train2014')).samples).toHaveLength(3)
  })

  test('absent images', async () => {
    await rm(join(root, 'train2014', images[1]!.file_name))
    await expect(open()).rejects.toThrow(
      /train2014: lacks 1 of 3 images: COCO_train2014_000000000025\.jpg; every image/,
    )
    await rm(join(root, 'train2014'), { recursive: true })
    await expect(open()).rejects.toThrow(
      /has no folder with the images of train2014; put them into train2014\//,
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
      /an annotation of image 9 has the category 12; every category must be listed/,
    )
    await write({ images, annotations, categories })
    await expect(openDataset(root, { split: 'train', classes: ['cat'] })).rejects.toThrow(
      /\(categories\): its categories are person, stop sign, toothbrush; they must be those of the other split: cat/,
    )
  })

  test('another layout where COCO was asked for', async () => {
    await rm(join(root, 'annotations'), { recursive: true })
    await expect(openDataset(root, { split: 'train', layout: 'coco' })).rejects.toThrow(
      /does not have the layout of COCO; annotations\/instances_train2014\.json and its images are needed/,
    )
  })
})

describe('what is looked over before it is used', () => {
  /** The message with paths below the root. */
  const refusal = async (instances: object): Promise<string> => {
    await write(instances)
    const error = await open().then(
      () => undefined,
      (cause: unknown) => cause,
    )
    expect(error).toBeInstanceOf(InputError)
    return (error as InputError).message.replaceAll(`${root}/`, '')
  }
  const FILE = 'annotations/instances_train2014.json'
  const [first, second] = images.map(({ file_name }) => file_name)

  test('ids and files of images that are there twice', async () => {
    expect(
      await refusal({ images: [...images, { id: 9, file_name: 'x.jpg' }], annotations, categories }),
    ).toBe(
      `${FILE} (images): the id 9 is that of ${first} and of x.jpg; give each image an id of its own, and its annotations the same`,
    )
    expect(
      await refusal({ images: [...images, { id: 77, file_name: second }], annotations, categories }),
    ).toBe(
      `${FILE} (images): ${second} is listed as image 25 and as image 77; list each file once, and give its annotations that id`,
    )
    await write({ images: [...images, images[0]], annotations, categories })
    const { samples, warnings } = await open()
    expect(samples).toHaveLength(3)
    expect(warnings[0]).toBe(`${join(root, FILE)}: 1 image is listed twice in the same words, taken once: 9`)
  })

  test('categories that are there twice', async () => {
    const more = (id: number, name: string) => ({
      images,
      annotations,
      categories: [...categories, { id, name }],
    })
    expect(await refusal(more(13, 'cat'))).toBe(
      `${FILE} (categories): the id 13 is that of "stop sign" and of "cat"; give each category an id of its own`,
    )
    expect(await refusal(more(14, 'person'))).toBe(
      `${FILE} (categories): "person" is category 1 and category 14; give each category a name of its own, or its annotations one id`,
    )
    expect(await refusal(more(14, 'Person'))).toBe(
      `${FILE} (categories): "Person" is category 1 and category 14; give each category a name of its own, or its annotations one id`,
    )
    await write(more(1, 'person'))
    expect((await open()).classes).toHaveLength(3)
  })

  test('annotations of images that are not listed: a few are left out, most are refused', async () => {
    const strays = [50, 51].map(image_id => ({ image_id, category_id: 1 }))
    await write({ images, annotations: [...annotations, ...strays], categories })
    expect((await open()).warnings[0]).toBe(
      `${join(root, FILE)} (annotations): 2 of 6 annotations are of images that are not listed: 50, 51; they are left out`,
    )
    expect(await refusal({ images, annotations: [...strays, annotations[0]], categories })).toBe(
      `${FILE} (annotations): 2 of 3 annotations are of images that are not listed: 50, 51; image_id must be the id of one of images: list those, or leave the annotations out`,
    )
  })

  test('file names that lead outside', async () => {
    for (const file_name of ['../a.jpg', '/etc/a.jpg', 'C:\\a.jpg', 'a/..\\..\\b.jpg'])
      expect(await refusal({ images: [{ id: 1, file_name }], annotations: [], categories })).toBe(
        `${FILE} (images): image 1 has the file_name "${file_name}"; file_name is a path inside the folder of the images, without ".." and not from the root`,
      )
  })

  test('the first entry that is not of the form', async () => {
    expect(
      await refusal({ images: [...images, { id: '4', file_name: 'a.jpg' }], annotations, categories }),
    ).toBe(
      `${FILE} (images): is not a list of instances: images[3] is not of the form {"id": 1, "file_name": "a.jpg"}; ids are whole numbers, names are texts`,
    )
  })

  test('more categories than a mask holds, and names of one line only', async () => {
    const many = Array.from({ length: 300 }, (_, id) => ({ id, name: `c${id}` }))
    expect(await refusal({ images, annotations: [], categories: many })).toMatch(
      /\(classes\): names 300 classes/,
    )
    const broken = [{ id: 1, name: 'a\nb' }]
    expect(await refusal({ images, annotations: [], categories: broken })).toMatch(/has the class "a\\nb"/)
  })

  test('a file of more bytes than a text may have is read in pieces', async () => {
    await truncate(join(root, FILE), 600 * 2 ** 20)
    await expect(open()).rejects.toThrow(`${join(root, FILE)}: is cut short or no JSON; download it again`)
  })

  test('a crowd tags its image like any other region', async () => {
    await write({ images, annotations: [{ image_id: 30, category_id: 90, iscrowd: 1 }], categories })
    expect((await open()).samples[2]?.tags).toEqual([2])
  })
})

describe('names of images', () => {
  const put = async (names: readonly string[]): Promise<void> => {
    for (const name of names) {
      await mkdir(dirname(join(root, name)), { recursive: true })
      await writeFile(join(root, name), '')
    }
  }
  const listed = (...names: readonly string[]) => ({
    images: names.map((file_name, id) => ({ id, file_name })),
    annotations: names.map((_, image_id) => ({ image_id, category_id: 1 + 12 * (image_id % 2) })),
    categories: categories.slice(1),
  })

  test('in folders stay apart, and so do their masks', async () => {
    await put(['train2014/a/0001.jpg', 'train2014/b/0001.jpg'])
    await write(listed('a/0001.jpg', 'b\\0001.jpg'))
    await mkdir(join(root, 'masks', 'b'))
    await mask('0001.png', 1)
    await mask('b/0001.png', 2)
    const { samples } = await open()
    expect(samples.map(({ id, image, mask: file }) => [id, image, file])).toEqual([
      ['a__0001', join(root, 'train2014/a/0001.jpg'), undefined],
      ['b__0001', join(root, 'train2014/b/0001.jpg'), join(root, 'masks/b/0001.png')],
    ])
  })

  test('that begin with the folder of the split are found', async () => {
    await write(listed(`train2014/${images[0]!.file_name}`, `train2014/${images[1]!.file_name}`))
    expect((await open()).samples.map(({ image }) => image)).toEqual(
      images.slice(0, 2).map(({ file_name }) => join(root, 'train2014', file_name)),
    )
  })

  test('that differ only in the ending would overwrite each other', async () => {
    await put(['train2014/0000.jpg', 'train2014/0000.png'])
    await write(listed('0000.jpg', '0000.png'))
    await expect(open()).rejects.toThrow(
      `${join(root, 'annotations/instances_train2014.json')} (images): 0000.png has the name of 0000.jpg; images are told apart by their names without the ending: rename one of them`,
    )
  })

  test('in another case are those of the files', async () => {
    await put(['train2014/A 1.JPG'])
    await write(listed('A 1.jpg'))
    expect((await open()).samples[0]?.image).toBe(join(root, 'train2014/A 1.JPG'))
  })
})

describe('category 0', () => {
  const super0 = [
    { id: 0, name: 'things' },
    { id: 1, name: 'cat' },
    { id: 2, name: 'dog' },
  ]
  const tagging = [
    { image_id: 9, category_id: 1 },
    { image_id: 25, category_id: 2 },
  ]

  test('is never the background: masks by category ids keep 0, as is said', async () => {
    await write({ images, annotations: tagging, categories: super0 })
    await mask('000000000009.png', 0, 1, 255)
    await mask('000000000025.png', 0, 2)
    const { classes, samples, warnings } = await open()
    expect(classes).toEqual(['things', 'cat', 'dog'])
    expect([...(await readTruth(samples[0]!)).data]).toEqual([0, 2, 255])
    expect([...(await readTruth(samples[1]!)).data]).toEqual([0, 3])
    expect(warnings.slice(1)).toEqual([
      '1 category has no annotation: nothing is learned of it, the label stays: things',
      'the masks are numbered by category ids (1, 2): they are read so, 0 as background',
    ])
  })

  test('that is a class like the others is label 1', async () => {
    await write({ images, annotations: [{ image_id: 9, category_id: 0 }, ...tagging], categories: super0 })
    await mask('000000000009.png', 0, 1, 2)
    await mask('000000000025.png', 0, 3)
    const { samples } = await open()
    expect(samples[0]!.maskReading).toBeUndefined()
    expect([...(await readTruth(samples[1]!)).data]).toEqual([0, 3])
  })
})

test("Roboflow's export: the annotations beside the images of each split", async () => {
  await rm(join(root, 'annotations'), { recursive: true })
  for (const split of ['train', 'valid']) {
    await mkdir(join(root, split))
    await writeFile(join(root, split, 'a.rf.0123.jpg'), '')
    await writeFile(
      join(root, split, '_annotations.coco.json'),
      JSON.stringify({
        images: [{ id: 0, file_name: 'a.rf.0123.jpg' }],
        annotations: [{ id: 0, image_id: 0, category_id: 1 }],
        categories: [
          { id: 0, name: 'animals', supercategory: 'none' },
          { id: 1, name: 'cat', supercategory: 'animals' },
        ],
      }),
    )
  }
  const { samples, classes } = await open()
  expect(classes).toEqual(['animals', 'cat'])
  expect(samples).toEqual([
    { id: 'a.rf.0123', image: join(root, 'train/a.rf.0123.jpg'), tags: [1], mask: undefined },
  ])
  expect((await openDataset(root, { split: 'val', classes })).samples[0]?.image).toBe(
    join(root, 'valid/a.rf.0123.jpg'),
  )
  expect(await listSplits(root)).toEqual(['train', 'valid'])
})
