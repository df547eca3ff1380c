/** @file Tests of a folder's masks by a legend and from masks.json, of tags from masks, and of tags written as plain files. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { encode } from 'fast-png'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { type Files, temporaryFolder as folder } from '../../test/temporary-folder.ts'
import { encodeLabelMap } from '../io/indexed-png.ts'
import { openDataset } from './dataset.ts'
import { collectTags, writeTags } from './tags/plain-tags.ts'
import { readTruth } from './truth.ts'

const TAGS = 'file,tags\na.jpg,cat\nb.jpg,dog\nc.jpg,cat;dog\n'
const IMAGES = { 'images/a.jpg': '', 'images/b.jpg': '', 'images/c.jpg': '' }
const [RED, GREEN, BLACK, WHITE] = [
  [200, 30, 40],
  [10, 250, 90],
  [0, 0, 0],
  [255, 255, 255],
] as const
const rgb = (...colours: (readonly number[])[]) =>
  encode({ width: colours.length, height: 1, channels: 3, data: Uint8Array.from(colours.flat()) })
const MASKS = {
  'masks/a.png': rgb(BLACK, RED, WHITE),
  'masks/b.png': rgb(GREEN, GREEN, BLACK),
  'masks/c.png': rgb(RED, GREEN, BLACK),
}

/** Labels of each mask, and what is said of them. */
async function read(files: Files, tags = 'auto') {
  const root = await folder(files)
  const { samples, classes, warnings, notes = [] } = await openDataset(root, { tags })
  const labels: Record<string, number[]> = {}
  for (const sample of samples)
    if (sample.mask !== undefined) labels[sample.id] = [...(await readTruth(sample)).data]
  const plain = (lines: readonly string[]) => lines.map(line => line.replaceAll(root, 'ROOT'))
  return {
    root,
    classes,
    labels,
    warnings: plain(warnings),
    notes: plain(notes),
    tags: samples.map(({ tags: own }) => own.map(k => classes[k]).join()),
  }
}

describe('a legend of colour masks', () => {
  test.each([
    [
      'labelmap.txt',
      '# label:color_rgb:parts:actions\nbackground:0,0,0::\ndog:10,250,90::\ncat:200,30,40::\nvoid:255,255,255::\n',
    ],
    ['labels.txt', '0\t#000000\tbackground\n1\t#c81e28\tcat\n2\t#0afa5a\tdog\n3\t#ffffff\tignore\n'],
    ['masks/labels.txt', 'cat #c81e28\r\nDog #0afa5a\r\nunlabeled #ffffff\r\n'],
    ['classes.csv', 'name,r,g,b\nbackground,0,0,0\n"cat",200,30,40\ndog,10,250,90\nvoid,255,255,255\n'],
    ['label_colors.txt', '200 30 40\tcat\n10 250 90\tdog\n255 255 255\tVoid\n'],
  ])('%s', async (name, legend) => {
    const { labels, warnings } = await read({ ...IMAGES, ...MASKS, 'tags.csv': TAGS, [name]: legend })
    expect(labels).toEqual({ a: [0, 1, 255], b: [2, 2, 0], c: [1, 2, 0] })
    expect(warnings).toEqual([`the colours of the masks are read as ROOT/${name} says`])
  })

  test('names that are no class are background, as is said', async () => {
    const legend = 'cat,200,30,40\ndog,10,250,90\nsnow,255,255,255\n'
    const { labels, warnings } = await read({ ...IMAGES, ...MASKS, 'tags.csv': TAGS, 'classes.csv': legend })
    expect(labels.a).toEqual([0, 1, 0])
    expect(warnings).toEqual([
      'the colours of the masks are read as ROOT/classes.csv says; in it are no classes, and background here: snow',
    ])
  })

  test("of numbers, as Roboflow's _classes.csv", async () => {
    const grey = (...data: number[]) =>
      encodeLabelMap({ width: data.length, height: 1, data: Uint8Array.from(data) })
    const { labels } = await read({
      ...IMAGES,
      'tags.csv': TAGS,
      'masks/_classes.csv': 'Pixel Value, Class\n0, background\n7, dog\n3, cat\n',
      'masks/a.png': grey(0, 3),
      'masks/b.png': grey(7, 7),
      'masks/c.png': grey(3, 7, 255),
    })
    expect(labels).toEqual({ a: [0, 1], b: [2, 2], c: [1, 2, 255] })
  })

  test('of other colours is not used, as is said; a line that is none is refused', async () => {
    const other = await read({
      ...IMAGES,
      ...MASKS,
      'tags.csv': TAGS,
      'labelmap.txt': 'cat:1,2,3::\ndog:4,5,6::\n',
    }).catch(String)
    expect(other).toMatch(/names no class|has colours/)
    const files = { ...IMAGES, ...MASKS, 'tags.csv': TAGS, 'classes.csv': 'cat,1,2,3\ndog\n' }
    await expect(openDataset(await folder(files))).rejects.toThrow(
      'classes.csv (line 2): "dog" names no colour and no number; name and colour a line: cat,128,0,0 or cat #800000 or cat:128,0,0::',
    )
  })

  test.each(['cat:10,20,300::', 'cat:300,1,2::\nbackground:0,0,0::', 'x,1,2,3\ncat 300 20 10'])(
    'a colour beyond 255 is refused: %j',
    async line => {
      const root = await folder({
        ...IMAGES,
        ...MASKS,
        'tags.csv': TAGS,
        'labelmap.txt': `dog:10,250,90::\n${line}`,
      })
      await expect(openDataset(root)).rejects.toThrow('names no colour and no number')
      await expect(openDataset(root)).rejects.toThrow(/"cat[: ]\d+/)
    },
  )

  test('a colour of two names is said, and is that of the class that comes first', async () => {
    const legend =
      'background:0,0,0::\nbird:200,30,40::\ncat:200,30,40::\ndog:10,250,90::\nfox:10,250,90::\nvoid:255,255,255::'
    const { labels, warnings } = await read({ ...IMAGES, ...MASKS, 'tags.csv': TAGS, 'labelmap.txt': legend })
    expect(labels).toEqual({ a: [0, 1, 255], b: [2, 2, 0], c: [1, 2, 0] })
    expect(warnings).toContain(
      'ROOT/labelmap.txt: names one colour or number twice, of which the first class is used: #c81e28 is "bird" and "cat", #0afa5a is "dog" and "fox"',
    )
  })

  test('also names the classes where the tags come from the masks', async () => {
    const legend = 'background:0,0,0::\ncat:200,30,40::\nzebra:1,1,1::\ndog:10,250,90::\nvoid:255,255,255::\n'
    const { classes, tags, notes } = await read({ ...IMAGES, ...MASKS, 'labelmap.txt': legend }, 'masks')
    expect(classes).toEqual(['cat', 'zebra', 'dog'])
    expect(tags).toEqual(['cat', 'dog', 'cat,dog'])
    expect(notes).toEqual(['the tags are the classes in the masks of 3 images'])
  })
})

test('tags from masks: classes.txt names the labels, a mask that cannot be read is named', async () => {
  const grey = (...data: number[]) =>
    encodeLabelMap({ width: data.length, height: 1, data: Uint8Array.from(data) })
  const files = {
    ...IMAGES,
    'classes.txt': 'zebra\nape\n',
    'masks/a.png': grey(0, 2),
    'masks/b.png': grey(1, 255),
    'masks/c.png': 'no image',
  }
  const root = await folder(files)
  const { samples, classes, warnings } = await openDataset(root, { tags: 'masks' })
  expect([classes, samples.map(({ tags }) => tags)]).toEqual([
    ['zebra', 'ape'],
    [[1], [0], []],
  ])
  expect(warnings[0]).toMatch(/^1 mask cannot be read, so no tags: c: /)
  await expect(
    openDataset(await folder({ ...IMAGES, 'classes.txt': 'x' }), { tags: 'masks' }),
  ).rejects.toThrow(/\(data\.tags\): has no masks/)
  await expect(
    openDataset(await folder({ ...IMAGES, 'masks/a.png': grey(1) }), { tags: 'masks' }),
  ).rejects.toThrow(/names no classes of its masks/)
})

describe('masks.json', () => {
  const photo = () =>
    sharp({ create: { width: 6, height: 4, channels: 3, background: '#777' } })
      .jpeg()
      .toBuffer()
  const json = {
    images: [
      { id: 5, file_name: 'a.jpg', width: 6, height: 4 },
      { id: 6, file_name: 'b.jpg' },
    ],
    annotations: [
      { id: 1, image_id: 5, category_id: 9, segmentation: [[1, 1, 4, 1, 4, 3, 1, 3]] },
      { id: 2, image_id: 6, category_id: 4, segmentation: { size: [4, 6], counts: [20, 4] } },
      { id: 3, image_id: 6, category_id: 2, segmentation: [[0, 0, 2, 0, 2, 2, 0, 2]] },
    ],
    categories: [
      { id: 2, name: 'grass' },
      { id: 4, name: 'DOG' },
      { id: 9, name: 'cat' },
    ],
  }
  const sum = (labels: readonly number[] | undefined) => [
    labels?.filter(label => label === 1).length,
    labels?.filter(label => label === 2).length,
  ]

  test('draws the masks; tags come from the table, categories that are no class are left out', async () => {
    const images = {
      'images/a.jpg': await photo(),
      'images/b.jpg': await photo(),
      'images/c.jpg': await photo(),
    }
    const { labels, warnings, notes, classes } = await read({
      ...images,
      'tags.csv': TAGS,
      'masks.json': JSON.stringify(json),
    })
    expect(classes).toEqual(['cat', 'dog'])
    expect([sum(labels.a), sum(labels.b), labels.c]).toEqual([[6, 0], [0, 4], undefined])
    expect(notes).toEqual([
      'ROOT/masks.json: the masks are drawn from its regions, small ones over large ones',
    ])
    expect(warnings).toEqual([
      'ROOT/masks.json: categories that are no class are left out of the masks: grass',
      '1 image has no mask (left out of scores): c',
    ])
  })

  test('the JSON that the tags come from draws masks as well', async () => {
    const images = { 'images/a.jpg': await photo(), 'images/b.jpg': await photo() }
    const { labels, classes, tags } = await read({
      ...images,
      'instances_default.json': JSON.stringify(json),
    })
    expect([classes, tags]).toEqual([
      ['DOG', 'cat', 'grass'],
      ['cat', 'DOG,grass'],
    ])
    expect(labels.a!.filter(label => label === 2)).toHaveLength(6)
  })
})

describe('tags as a plain file', () => {
  test('are read back to the same tags, whatever the names', async () => {
    const word = fc
      .stringMatching(/^[a-zäöüß"'#:. _-]{1,8}$/u)
      .map(text => `x${text.trim().replace(/ +/g, ' ')}`)
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uniqueArray(word, { maxLength: 3 }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom('csv', 'json'),
        async (tags, ending) => {
          fc.pre(tags.flat().length > 0)
          const rows = tags.map((own, i) => ({ file: `images/${i}, "é".jpg`, tags: own, split: undefined }))
          const root = await folder(Object.fromEntries(rows.map(({ file }) => [file, ''])))
          await writeTags(join(root, `tags.${ending}`), rows)
          const back = await collectTags(root)
          const plain = (list: readonly { readonly file: string; readonly tags: readonly string[] }[]) =>
            new Map(list.map(row => [row.file, [...row.tags].map(tag => tag.toLowerCase()).sort()]))
          expect(plain(back.rows)).toEqual(plain(rows))
        },
      ),
      { numRuns: 30 },
    )
  })

  test('have a split where there are several, and each image once', async () => {
    const root = await folder({
      ...IMAGES,
      'tags.csv': TAGS,
      'train.txt': 'a.jpg\nb.jpg\n',
      'val.txt': 'c.jpg\nb.jpg\n',
    })
    const { rows } = await collectTags(root)
    const out = join(root, 'out.csv')
    await writeTags(out, rows)
    expect(await readFile(out, 'utf8')).toBe(
      'file,tags,split\nimages/a.jpg,cat,train\nimages/b.jpg,dog,train\nimages/c.jpg,cat;dog,val\n',
    )
  })

  test.each([
    [
      'one split',
      'a.jpg,cat,train\nb.jpg,dog,\n',
      'images/a.jpg,cat,train\nimages/b.jpg,dog,\nimages/c.jpg,,\n',
    ],
    [
      'two',
      'a.jpg,cat,train\nc.jpg,dog;bird,\nb.jpg,dog,val\n',
      'images/a.jpg,cat,train\nimages/b.jpg,dog,val\nimages/c.jpg,bird;dog,\n',
    ],
  ])('hold the images of no split, too: %s', async (_, rows, expected) => {
    const root = await folder({ ...IMAGES, 'tags.csv': `file,tags,split\n${rows}` })
    const out = join(root, 'out.csv')
    await writeTags(out, (await collectTags(root)).rows)
    expect(await readFile(out, 'utf8')).toBe(`file,tags,split\n${expected}`)
    expect((await collectTags(root, { split: 'train' })).rows).toHaveLength(1)
  })

  test('never take the place of a file, nor hold what a table cannot', async () => {
    const root = await folder({ 'tags.csv': 'mine' })
    const row = (tag: string) => [{ file: 'a.jpg', tags: [tag], split: undefined }]
    await expect(writeTags(join(root, 'tags.csv'), row('x'))).rejects.toThrow(
      'tags.csv: is there, and is not written over; another name',
    )
    expect(await readFile(join(root, 'tags.csv'), 'utf8')).toBe('mine')
    await expect(writeTags(join(root, 'a.csv'), row('salt; pepper'))).rejects.toThrow(
      'a.csv: cannot hold the tags salt; pepper, which a table would split or leave out; give --out tags.json',
    )
    await expect(writeTags(join(root, 'a.txt'), row('x'))).rejects.toThrow(
      'has another ending than .csv and .json',
    )
  })
})
