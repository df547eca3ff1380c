/** @file Tests of the check where tags and masks come from other programs: all faults of an export, of label files, of regions at once. */
import { join } from 'node:path'
import sharp from 'sharp'
import { expect, test } from 'vitest'
import { tagmask } from '../../../test/command-line.ts'
import { temporaryFolder } from '../../../test/temporary-folder.ts'
import { openDataset } from '../../data/dataset.ts'
import { checkData, type DataCheck } from './check-data.ts'

const SIDE = 32

/** An image of its own content, by `seed`. */
function jpeg(seed: number): Promise<Buffer> {
  const data = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => (i * (seed + 3) * 2654435761) >>> 24)
  return sharp(data, { raw: { width: SIDE, height: SIDE, channels: 3 } })
    .jpeg()
    .toBuffer()
}

async function images(folder: string, names: readonly string[]): Promise<Record<string, Buffer>> {
  const files = await Promise.all(
    names.map(async (name, i) => [`${folder}/${name}.jpg`, await jpeg(i)] as const),
  )
  return Object.fromEntries(files)
}

/** [kind, file from the root on, where] of each error. */
function errors({ root, problems }: DataCheck): string[] {
  return problems
    .filter(({ severity }) => severity === 'error')
    .map(({ kind, file, where }) => `${kind} ${file.replace(`${root}/`, '')} ${where ?? ''}`.trimEnd())
}

test('an export of Label Studio: tasks without an image, and absent images', async () => {
  const task = (id: number, image: string | undefined, choice: string): object => ({
    id,
    data: image === undefined ? { text: 'no link' } : { image: `/data/upload/1/abcdef12-${image}` },
    annotations: [{ result: [{ value: { choices: [choice] } }] }],
  })
  const root = await temporaryFolder({
    ...(await images('images', ['a', 'b', 'c'])),
    'job.json': JSON.stringify([
      task(1, 'a.jpg', 'cat'),
      task(2, undefined, 'cat'),
      task(3, 'gone.jpg', 'dog'),
      task(4, undefined, 'dog'),
      task(5, 'b.jpg', 'dog'),
    ]),
  })
  const expected = ['absent-image job.json task 3', 'bad-row job.json task 2', 'bad-row job.json task 4']
  expect(errors(await checkData(root))).toEqual(expected)
  expect(errors(await checkData(root, { tags: 'job.json' }))).toEqual(expected)
})

test("YOLO's label files: each line that is none, each index without a name", async () => {
  const root = await temporaryFolder({
    ...(await images('images', ['a', 'b'])),
    'data.yaml': 'names: [cat, dog]\n',
    'labels/a.txt': '0 0.5 0.5 0.2 0.2\nfive\n7 0.5 0.5 0.2 0.2\n',
    'labels/b.txt': '1 0.5 0.5 0.2 0.2\n9 0.5 0.5 0.2 0.2\n',
  })
  const check = await checkData(root)
  expect(errors(check)).toEqual([
    'bad-annotation labels/a.txt line 2',
    'unknown-class labels/a.txt line 3',
    'unknown-class labels/b.txt line 2',
  ])
  expect(check.table.classes.map(({ name, images: counts }) => [name, counts.train])).toEqual([
    ['cat', 1],
    ['dog', 1],
  ])
})

test('annotations of a plain folder: each that is cut short or no XML', async () => {
  const root = await temporaryFolder({
    ...(await images('images', ['a', 'b', 'c'])),
    'Annotations/a.xml': '<annotation><object><name>cat</name></object></annotation>',
    'Annotations/b.xml': '<annotation><object><name>cat</name></object>',
    'Annotations/c.xml': '<annotation><object></name></object></annotation>',
  })
  expect(errors(await checkData(root, { tags: 'annotations' }))).toEqual([
    'bad-annotation Annotations/b.xml annotation',
    'bad-annotation Annotations/c.xml line 1',
  ])
})

test('regions of COCO: each that is none, of each image; crowds are no disagreement with the tags', async () => {
  const square = [[2, 2, 12, 2, 12, 12, 2, 12]]
  const root = await temporaryFolder({
    ...(await images('train', ['a', 'b', 'c', 'd'])),
    'annotations/instances_train.json': JSON.stringify({
      images: [
        ...['a', 'b', 'c'].map((name, id) => ({ id, file_name: `${name}.jpg`, width: SIDE, height: SIDE })),
        { id: 3, file_name: 'd.jpg', width: 640, height: 480 },
      ],
      annotations: [
        { id: 1, image_id: 0, category_id: 5, segmentation: square },
        {
          id: 2,
          image_id: 0,
          category_id: 6,
          iscrowd: 1,
          segmentation: { size: [SIDE, SIDE], counts: [0, 1024] },
        },
        { id: 3, image_id: 1, category_id: 5, segmentation: [[1, 2, 3, 4, 5, 9999]] },
        { id: 4, image_id: 1, category_id: 5, segmentation: { size: [SIDE, SIDE], counts: [1, 2] } },
        { id: 5, image_id: 1, category_id: 6, segmentation: square },
        { id: 6, image_id: 2, category_id: 6, bbox: [1, 2, 3, 4], segmentation: [] },
        { id: 7, image_id: 3, category_id: 6, segmentation: square },
      ],
      categories: [
        { id: 5, name: 'cat' },
        { id: 6, name: 'dog' },
      ],
    }),
  })
  const check = await checkData(root)
  expect(errors(check)).toEqual([
    'bad-annotation annotations/instances_train.json annotation 3',
    'bad-annotation annotations/instances_train.json annotation 4',
    'mask-size train/d.jpg',
  ])
  const kinds = check.problems.map(({ kind }) => kind)
  expect(kinds).toContain('no-mask')
  expect(kinds).not.toContain('mask-tags')
  expect(check.splits).toMatchObject([{ images: 4, masks: 3, scored: 1, maskReading: 'drawn from regions' }])
})

test('a legend: each line without a colour', async () => {
  const root = await temporaryFolder({
    ...(await images('images', ['a'])),
    'tags.csv': 'file,tags\na.jpg,cat\n',
    'labelmap.txt': '# label:color_rgb:parts:actions\ncat:128,0,0::\ndog\nbird\n',
  })
  expect(errors(await checkData(root))).toEqual([
    'bad-row labelmap.txt line 3',
    'bad-row labelmap.txt line 4',
  ])
})

test('tagmask data check --tags reads another source than the folder has', async () => {
  const root = await temporaryFolder({
    ...(await images('images', ['a', 'b'])),
    'tags.csv': 'file,tags\na.jpg,cat\nb.jpg,cat\n',
    'other/new.csv': 'file,tags\na.jpg,horse\nb.jpg,horse\ngone.jpg,horse\n',
  })
  const { code, out } = await tagmask('data', 'check', root, '--tags', join(root, 'other/new.csv'))
  expect(code).toBe(1)
  expect(out).toContain('other/new.csv (line 4): names gone.jpg, which is not in images/')
  expect(out).toMatch(/^ {2}horse +2 +2$/m)
  const none = await tagmask('data', 'check', root, '--tags', 'nowhere.csv')
  expect(none.code).toBe(1)
  expect(none.out).toContain('does not exist')
})

test('a COCO JSON: annotations of no category, polygons without an area, categories without annotations', async () => {
  const annotation = (id: number, image_id: number, category_id: number, corners: number[]): object => ({
    id,
    image_id,
    category_id,
    segmentation: [corners],
  })
  const square = [1, 1, 9, 1, 9, 9, 1, 9]
  const json = {
    images: ['a', 'b', 'c'].map((name, i) => ({ id: i + 1, file_name: `${name}.jpg` })),
    categories: ['cat', 'dog', 'bird'].map((name, i) => ({ id: i + 1, name })),
    annotations: [
      annotation(4, 1, 1, square),
      annotation(5, 2, 2, [1, 2, 3]),
      annotation(6, 3, 2, [1, 2, 9, 9]),
      annotation(7, 3, 99, square),
    ],
  }
  const root = await temporaryFolder({
    ...(await images('images', ['a', 'b', 'c'])),
    'x.json': JSON.stringify(json),
  })
  const { problems } = await checkData(root)
  const lost = problems.filter(({ kind }) => kind === 'lost-annotation').map(({ where }) => where)
  expect(lost).toEqual(['annotation 5', 'annotation 6', 'image 3'])
  const remarks = problems.filter(({ kind }) => kind === 'remark').map(({ problem }) => problem)
  expect(remarks).toEqual([`${root}/x.json: categories without an annotation tag nothing: bird`])
  const { warnings } = await openDataset(root)
  expect(warnings).toEqual([
    `${root}/x.json: 2 annotations have a polygon of fewer than three corners, which has no pixels: annotation 5, annotation 6`,
    `${root}/x.json: 1 annotation has a category that is not listed, left out: 99`,
    `${root}/x.json: categories without an annotation tag nothing: bird`,
  ])
})

test('tags.json: every entry of another form', async () => {
  const root = await temporaryFolder({
    ...(await images('images', ['a', 'b', 'c'])),
    'tags.json': JSON.stringify([
      { file: 'a.jpg', tags: 'cat' },
      { file: 'b.jpg' },
      { file: 5, tags: ['x'] },
      { file: 'c.jpg', tags: ['cat', null] },
      'd.jpg',
    ]),
  })
  expect(errors(await checkData(root))).toEqual(
    ['c.jpg', 'entry 2', 'entry 3', 'entry 5'].map(where => `bad-row tags.json ${where}`),
  )
})

test('a split that is nearly one of the usual', async () => {
  const rows = ['a.jpg,cat,train', 'b.jpg,dog,train', 'c.jpg,cat,trian', 'd.jpg,dog,val', 'e.jpg,cat,train2']
  const root = await temporaryFolder({
    ...(await images('images', ['a', 'b', 'c', 'd', 'e'])),
    'tags.csv': `file,tags,split\n${rows.join('\n')}\n`,
  })
  const slips = (await checkData(root)).problems.filter(({ kind }) => kind === 'slip')
  expect(slips.map(({ where }) => where)).toEqual(['line 4'])
  expect((await openDataset(root)).warnings).toContain(
    `${root}/tags.csv: is the split "trian" (1 image), nearly "train" (2 images), a slip?`,
  )
})
