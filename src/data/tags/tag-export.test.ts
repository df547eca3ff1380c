/** @file Tests of the exports of tagging tools, as their documentation and their code show them, beside images/. */
import { describe, expect, test } from 'vitest'
import { refusal, said } from '../../../test/dataset-words.ts'
import { type Files, temporaryFolder as folder } from '../../../test/temporary-folder.ts'
import { listSplits, type OpenDatasetOptions, openDataset } from '../dataset.ts'

const IMAGES = { 'images/beach 1.jpg': '', 'images/street.png': '', 'images/empty.jpg': '' }

/** Names of the tags of each image. */
async function tagsOf(files: Files, options: OpenDatasetOptions = {}): Promise<Record<string, string[]>> {
  const { samples, classes } = await openDataset(await folder(files), options)
  return Object.fromEntries(samples.map(({ id, tags }) => [id, tags.map(k => classes[k]!)]))
}

const task = (image: string, ...results: object[]): object => ({
  id: 7,
  annotations: [
    {
      id: 21,
      completed_by: 1,
      result: results,
      was_cancelled: false,
      ground_truth: false,
      created_at: '2024-05-02T09:12:45.123456Z',
      lead_time: 4.2,
      prediction: {},
      result_count: 0,
    },
  ],
  file_upload: image.replace('/data/upload/1/', ''),
  drafts: [],
  predictions: [{ result: [{ value: { choices: ['dog'] }, type: 'choices' }] }],
  data: { image },
  meta: {},
  project: 1,
})
const choice = (...choices: string[]): object => ({
  value: { choices },
  id: 'x8dkf',
  from_name: 'choice',
  to_name: 'image',
  type: 'choices',
  origin: 'manual',
})

describe('Label Studio', () => {
  test('JSON: choices, upload prefix, blanks replaced, local files, regions, taxonomy, skipped tasks', async () => {
    const skipped = task('/data/upload/1/0a1b2c3d-empty.jpg', choice('dog')) as { annotations: object[] }
    skipped.annotations = [{ ...skipped.annotations[0], was_cancelled: true }]
    const tasks = [
      task('/data/upload/1/abcdef12-beach_1.jpg', choice('Boat', 'person'), {
        value: { x: 1, y: 2, width: 3, height: 4, rectanglelabels: ['Dog'] },
        type: 'rectanglelabels',
      }),
      task('/data/local-files/?d=photos%2Fstreet.png', {
        value: { taxonomy: [['Vehicle', 'Car']] },
        type: 'taxonomy',
      }),
      skipped,
    ]
    const files = { ...IMAGES, 'project-1-at-2024-05-02-09-13-a1b2c3d4.json': JSON.stringify(tasks) }
    expect(await tagsOf(files)).toEqual({ 'beach 1': ['Boat', 'Dog', 'person'], street: ['Car'], empty: [] })
    const { notes } = await said(await folder(files))
    expect(notes).toEqual([
      'ROOT/project-1-at-2024-05-02-09-13-a1b2c3d4.json: is read as an export of Label Studio (JSON)',
      'ROOT/project-1-at-2024-05-02-09-13-a1b2c3d4.json: 1 annotation is skipped by the annotator, left out',
      'ROOT/project-1-at-2024-05-02-09-13-a1b2c3d4.json: 1 row names another folder or ending than the image has: photos/street.png is street.png',
    ])
  })

  test('JSON: annotations of several people are united, and said', async () => {
    const both = task('/data/upload/1/abcdef12-street.png', choice('car')) as { annotations: object[] }
    both.annotations = [...both.annotations, { id: 22, result: [choice('bus')] }]
    const files = { ...IMAGES, 'export.json': JSON.stringify([both]) }
    expect((await tagsOf(files)).street).toEqual(['bus', 'car'])
    expect((await said(await folder(files))).notes).toContain(
      'ROOT/export.json: 1 image has several annotations; their tags are united',
    )
  })

  const record = (image: string, choice: unknown): object => ({
    image,
    id: 1,
    choice,
    annotator: 1,
    annotation_id: 1,
    created_at: '2024-05-02T09:12:45.123456Z',
    updated_at: '2024-05-02T09:12:45.123456Z',
    lead_time: 4.2,
  })

  test('JSON-MIN: one choice is a word, several are an object', async () => {
    const records = [
      record('/data/upload/1/abcdef12-beach_1.jpg', { choices: ['boat', 'person'] }),
      record('https://example.org/data/street.png?X-Amz=1', 'car'),
      record('s3://bucket/photos/empty.jpg', undefined),
    ]
    const files = { ...IMAGES, 'min.json': JSON.stringify(records) }
    expect(await tagsOf(files)).toEqual({ 'beach 1': ['boat', 'person'], street: ['car'], empty: [] })
    expect((await said(await folder(files))).notes).toEqual([
      'ROOT/min.json: is read as an export of Label Studio (JSON-MIN)',
      'ROOT/min.json: 2 rows name another folder or ending than the image has: data/street.png is street.png, photos/empty.jpg is empty.jpg',
    ])
  })

  test('CSV: several choices are JSON in a cell', async () => {
    const csv = [
      'annotation_id,annotator,choice,created_at,id,image,lead_time,updated_at',
      '1,1,"{""choices"": [""boat"", ""person""]}",2024-05-02T09:12:45Z,1,/data/upload/1/abcdef12-beach_1.jpg,4.2,2024-05-02T09:12:45Z',
      '2,1,car,2024-05-02T09:12:45Z,2,/data/upload/1/99887766-street.png,4.2,2024-05-02T09:12:45Z',
    ]
    const files = { ...IMAGES, 'ls.csv': `${csv.join('\r\n')}\r\n` }
    expect(await tagsOf(files)).toEqual({ 'beach 1': ['boat', 'person'], street: ['car'], empty: [] })
  })

  test('without choices, or with texts that may be anything, it says what is missing', async () => {
    const none = [record('/data/upload/1/abcdef12-street.png', undefined)]
    expect(await refusal(await folder({ ...IMAGES, 'min.json': JSON.stringify(none) }))).toBe(
      'ROOT/min.json (choice): holds no choices; tag at least one image',
    )
    const { choice: _, ...bare } = record('/data/upload/1/abcdef12-street.png', '') as Record<string, unknown>
    const texts = [{ ...bare, weather: 'sunny', mood: 'calm' }]
    expect(await refusal(await folder({ ...IMAGES, 'min.json': JSON.stringify(texts) }))).toBe(
      'ROOT/min.json (choice): has texts in "weather", "mood", and nothing says which are tags; call the <Choices> of the labelling set-up "choice", or export JSON',
    )
  })
})

const cvat = (body: string): string => `<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><job><id>12</id><size>3</size><mode>annotation</mode><labels><label><name>cat</name><color>#fa3253</color><type>any</type></label></labels></job><dumped>2024-05-02 09:12:45.123456+00:00</dumped></meta>
${body}
</annotations>
`

describe('a hostile export of Label Studio', () => {
  const record = { image: '/data/upload/1/street.png', choice: 'car', annotation_id: 1, lead_time: 1 }

  test('with objects in place of ids is read, with an image in place of a link refused', async () => {
    const tasks = [{ ...task('street.png', choice('car')), id: { toString: 1 } }]
    expect((await tagsOf({ ...IMAGES, 'job.json': JSON.stringify(tasks) })).street).toEqual(['car'])
    const records = [record, record, { ...record, image: { toString: 1 } }]
    expect(await refusal(await folder({ ...IMAGES, 'min.json': JSON.stringify(records) }))).toBe(
      'ROOT/min.json (entry 3): names no image; export JSON, JSON-MIN or CSV of a project of images',
    )
  })

  test('with lists in lists in lists, or a column for each record, does not take long', async () => {
    const began = performance.now()
    const nested = `${'['.repeat(20_000)}"dog"${']'.repeat(20_000)}`
    const deep = JSON.stringify([task('street.png', choice('car'), { value: { choices: 0 } })])
    const files = { ...IMAGES, 'job.json': deep.replace('"choices":0', `"choices":${nested}`) }
    expect((await tagsOf(files)).street).toEqual(['car'])
    const wide = Array.from({ length: 3000 }, (_, i) => ({ ...record, [`column ${i}`]: 'x' }))
    expect(await refusal(await folder({ ...IMAGES, 'min.json': JSON.stringify(wide) }))).toBe(
      'ROOT/min.json: has 3002 columns; 1000 at most',
    )
    expect(performance.now() - began).toBeLessThan(5000)
  })
})

describe('CVAT for images', () => {
  const BODY = `  <image id="0" name="photos/beach 1.jpg" width="640" height="480">
    <tag label="boat &amp; sail" source="manual"></tag>
    <tag label="person" source="manual"><attribute name="age">old</attribute></tag>
  </image>
  <image id="1" name="street.png" width="640" height="480">
    <box label="car" source="manual" occluded="0" xtl="1.0" ytl="2.0" xbr="3.0" ybr="4.0" z_order="0"></box>
    <polygon label="car" source="manual" occluded="0" points="1.0,2.0;3.0,4.0;5.0,6.0" z_order="0"></polygon>
    <mask label="bus" source="semi-auto" occluded="0" rle="3, 5, 7" left="1" top="2" width="3" height="5" z_order="0"></mask>
    <skeleton label="person" source="manual" z_order="0"><points label="nose" source="manual" points="1,2"></points></skeleton>
  </image>
  <image id="2" name="empty.jpg" width="640" height="480">
  </image>`

  test('tags, and the labels of boxes, polygons, masks and skeletons', async () => {
    const files = { ...IMAGES, 'annotations.xml': cvat(BODY) }
    expect(await tagsOf(files)).toEqual({
      'beach 1': ['boat & sail', 'person'],
      street: ['bus', 'car', 'person'],
      empty: [],
    })
    const { notes } = await said(await folder(files))
    expect(notes.slice(0, 2)).toEqual([
      'ROOT/annotations.xml: is read as an export of CVAT for images',
      'ROOT/annotations.xml: the labels of 4 shapes are tags of their images',
    ])
  })

  test('the subsets of a project are splits', async () => {
    const body = BODY.replaceAll('width="640"', 'subset="Train" width="640"').replace(
      'subset="Train"',
      'subset="Validation"',
    )
    const root = await folder({ ...IMAGES, 'annotations.xml': cvat(body) })
    expect(await listSplits(root)).toEqual(['val', 'train'])
    expect((await openDataset(root)).samples.map(({ id }) => id)).toEqual(['empty', 'street'])
  })

  test('a video, an entity bomb and a file that is cut short are refused', async () => {
    const xml = (text: string) => folder({ ...IMAGES, 'a.xml': text })
    expect(await refusal(await xml(cvat('<track id="0" label="car"><box frame="0"/></track>')))).toBe(
      'ROOT/a.xml (track): is an export of a video, whose frames have no names; export the job as "CVAT for images 1.1"',
    )
    const bomb = '<!DOCTYPE a [<!ENTITY x "xx"><!ENTITY y "&x;&x;">]>'
    await expect(
      openDataset(await xml(cvat(BODY).replace('<annotations>', `<annotations>${bomb}&y;`))),
    ).rejects.toThrow(/a\.xml \(line 2\): is not well-formed XML/)
    expect(await refusal(await xml(cvat(BODY).slice(0, 900)))).toMatch(
      /^ROOT\/a\.xml \(line \d+\): is not well-formed XML/,
    )
  })
})

describe('COCO beside images', () => {
  const json = JSON.stringify({
    images: [
      { id: 1, file_name: 'beach 1.jpg', width: 640, height: 480 },
      { id: 2, file_name: 'street.png', width: 640, height: 480 },
    ],
    annotations: [
      { id: 1, image_id: 1, category_id: 3, bbox: [1, 2, 3, 4] },
      { id: 2, image_id: 1, category_id: 1, bbox: [1, 2, 3, 4] },
      { id: 3, image_id: 1, category_id: 1, bbox: [1, 2, 3, 4] },
    ],
    categories: [
      { id: 1, name: 'cat' },
      { id: 3, name: 'dog' },
    ],
  })

  test.each(['instances_default.json', 'tags.json'])('%s', async name => {
    const files = { ...IMAGES, [name]: json }
    expect(await tagsOf(files)).toEqual({ 'beach 1': ['cat', 'dog'], street: [], empty: [] })
    expect((await said(await folder(files))).notes[0]).toBe(
      `ROOT/${name}: is read as COCO's JSON; the categories of the annotations are the tags`,
    )
  })
})

describe('YOLO', () => {
  const LINE = '0.5 0.5 0.2 0.3'

  test('images/ and labels/ with the folders train and val, data.yaml of Ultralytics', async () => {
    const root = await folder({
      'images/train/a.jpg': '',
      'images/train/b.jpg': '',
      'images/val/c.jpg': '',
      'labels/train/a.txt': `1 ${LINE}\n0 ${LINE}\n1 0.1 0.1 0.2 0.1 0.2 0.2\n`,
      'labels/train/b.txt': '',
      'labels/val/c.txt': `0 ${LINE}`,
      'data.yaml':
        'path: ../data # root\ntrain: images/train\nval: images/val\nnames:\n  0: cat\n  1: traffic light\n',
    })
    const open = async (split: string) => {
      const { samples, classes } = await openDataset(root, { split })
      return samples.map(({ id, tags }) => [id, tags.map(k => classes[k])])
    }
    expect(await open('train')).toEqual([
      ['train__a', ['cat', 'traffic light']],
      ['train__b', []],
    ])
    expect(await open('val')).toEqual([['val__c', ['cat']]])
    expect(await listSplits(root)).toEqual(['train', 'val'])
  })

  test("Roboflow's folders, and names as a list", async () => {
    const files = {
      'train/images/a.rf.12.jpg': '',
      'train/labels/a.rf.12.txt': `1 ${LINE}`,
      'valid/images/b.jpg': '',
      'valid/labels/b.txt': `0 ${LINE}`,
      'data.yaml': "train: ../train/images\nval: ../valid/images\nnc: 2\nnames: ['cat', 'dog']\n",
    }
    expect(await tagsOf(files)).toEqual({ 'train__images__a.rf.12': ['dog'] })
    expect(await tagsOf(files, { split: 'val' })).toEqual({ valid__images__b: ['cat'] })
  })

  test("classes.txt, LabelImg's and ours: the order of the classes is kept", async () => {
    const root = await folder({
      'images/a.jpg': '',
      'labels/a.txt': `1 ${LINE}`,
      'classes.txt': 'zebra\nape\n',
    })
    const { classes, samples } = await openDataset(root)
    expect([classes, samples[0]!.tags]).toEqual([['zebra', 'ape'], [1]])
  })

  test.each([
    [
      'an index without a name',
      `7 ${LINE}`,
      'ROOT/labels/a.txt (line 1): names the class 7, and ROOT/data.yaml names 1; a class index from 0',
    ],
    [
      'another line',
      'cat',
      'ROOT/labels/a.txt (line 1): "cat" is no line of YOLO; class index and box or polygon: 0 0.5 0.5 0.2 0.3',
    ],
  ])('%s is refused', async (_, label, message) => {
    const files = { 'images/a.jpg': '', 'labels/a.txt': label, 'data.yaml': 'names: [cat]' }
    expect(await refusal(await folder(files))).toBe(message)
  })

  test.each([
    ['names: [', /^ROOT\/data\.yaml \(line 1\): is not valid YAML; /],
    ['nc: 2', /^ROOT\/data\.yaml \(names\): names no classes; /],
    ['names: [{toString: 1}]', /^ROOT\/data\.yaml \(names\): names no classes; /],
    ['names: &a [x, *a]', /^ROOT\/data\.yaml \(line 1\): repeats itself by aliases; /],
    [`names:\n${'- '.repeat(500)}x`, /^ROOT\/data\.yaml \(line 2\): nests more than 32 deep; /],
  ])('data.yaml with %j is refused', async (yaml, message) => {
    const files = { 'images/a.jpg': '', 'labels/a.txt': '', 'data.yaml': yaml }
    expect(await refusal(await folder(files))).toMatch(message)
  })
})

describe('which file holds the tags', () => {
  test('tags.csv comes before an export, an export before a table of another name', async () => {
    const files: Record<string, string> = {
      ...IMAGES,
      'a.csv': 'file,tags\nstreet.png,table\n',
      'b.xml': cvat('<image id="0" name="street.png"><tag label="export"/></image>'),
    }
    expect((await tagsOf(files)).street).toEqual(['export'])
    const { 'b.xml': _, ...table } = files
    expect((await tagsOf(table)).street).toEqual(['table'])
    expect((await said(await folder(table))).notes[0]).toBe(
      'ROOT/a.csv: holds the tags, as its rows name the images',
    )
    expect((await tagsOf({ ...files, 'tags.csv': 'file,tags\nstreet.png,named\n' })).street).toEqual([
      'named',
    ])
  })

  test('data.tags names another one, in the folder or anywhere', async () => {
    const files = {
      ...IMAGES,
      'tags.csv': 'file,tags\nstreet.png,named\n',
      'sub/b.csv': 'file,tags\nstreet.png,other\n',
    }
    expect((await tagsOf(files, { tags: 'sub/b.csv' })).street).toEqual(['other'])
    const elsewhere = await folder({ 'c.json': '{"street.png": ["third"]}' })
    expect((await tagsOf(files, { tags: `${elsewhere}/c.json` })).street).toEqual(['third'])
    await expect(openDataset(await folder(files), { tags: 'absent.csv' })).rejects.toThrow(
      /absent\.csv: does not exist; a file of tags/,
    )
    await expect(openDataset(await folder({ ...files, 'x.xml': '<a/>' }), { tags: 'x.xml' })).rejects.toThrow(
      /x\.xml: is no file of tags/,
    )
  })

  test('a table about other things is not taken for the tags', async () => {
    const root = await folder({
      ...IMAGES,
      'prices.csv': 'name,price\nx.jpg,3\ny.jpg,4\n',
      'masks.json': '{}',
    })
    await expect(openDataset(root)).rejects.toThrow(/has neither tags\.csv nor tags\.json/)
  })
})

test('annotations: an XML for each image, as LabelImg writes them', async () => {
  const xml = (...names: string[]) =>
    `<annotation>${names.map(name => `<object><name>${name}</name></object>`).join('')}</annotation>`
  const files = {
    ...IMAGES,
    'Annotations/street.xml': xml('car', 'car'),
    'Annotations/empty.xml': xml(),
    'tags.csv': 'file,tags\nstreet.png,x\n',
  }
  expect(await tagsOf(files, { tags: 'annotations' })).toEqual({ 'beach 1': [], street: ['car'], empty: [] })
  await expect(openDataset(await folder(IMAGES), { tags: 'annotations' })).rejects.toThrow(
    /\(data\.tags\): has no annotations/,
  )
})

test('a name with %20 or a backslash in it is that of its own image, and decoded only where there is none', async () => {
  const names = ['a b.jpg', 'a%20b.jpg', 'C%2B%2B.jpg', 'd%20e.jpg', 'f\\g.png']
  const there = names.map(name => name.replace('d%20', 'd '))
  const images = Object.fromEntries([...there, 'x/f/g.png'].map(name => [`images/${name}`, '']))
  const coco = {
    images: names.map((file_name, id) => ({ id, file_name })),
    categories: names.map((_, id) => ({ id, name: `t${id}` })),
    annotations: names.map((_, id) => ({ image_id: id, category_id: id })),
  }
  const cvat = `<annotations>${names.map((name, i) => `<image name="${name}"><tag label="t${i}"/></image>`).join('')}</annotations>`
  const expected = [['t0'], ['t1'], ['t2'], ['t3'], ['t4']]
  for (const file of [{ 'x.json': JSON.stringify(coco) }, { 'x.xml': cvat }]) {
    const { samples, classes } = await openDataset(await folder({ ...images, ...file }))
    const tagged = (name: string) =>
      samples.find(({ image }) => image.endsWith(`/images/${name}`))!.tags.map(k => classes[k]!)
    expect(there.map(tagged)).toEqual(expected)
  }
})

test('a backslash in a name: the lists of COCO, labels of YOLO', async () => {
  const coco = {
    images: [
      { id: 1, file_name: 'f\\g.png' },
      { id: 2, file_name: 'd\\e.png' },
    ],
    categories: [
      { id: 1, name: 'cat' },
      { id: 2, name: 'dog' },
    ],
    annotations: [
      { image_id: 1, category_id: 1 },
      { image_id: 2, category_id: 2 },
    ],
  }
  const images = { 'images/f\\g.png': '', 'images/d/e.png': '' }
  const listed = await folder({ 'annotations/instances_train.json': JSON.stringify(coco), ...images })
  const labels = { 'labels/f\\g.txt': '0 0.5 0.5 0.1 0.1', 'labels/d/e.txt': '1 0.5 0.5 0.1 0.1' }
  const yolo = await folder({ ...images, 'classes.txt': 'cat\ndog', ...labels })
  for (const root of [listed, yolo]) {
    const { samples } = await openDataset(root)
    const found = samples.map(({ image, tags }) => [image.slice(root.length), tags]).sort()
    expect(found).toEqual([
      ['/images/d/e.png', [1]],
      ['/images/f\\g.png', [0]],
    ])
  }
})

test('an error for want of tags names what could not be read beside the images; as --tags the remedy is its own', async () => {
  const broken = { 'x.json': '{"images": [{"id": 1, "bbox": [NaN]}', 'y.xml': '<a/>' }
  const unread = /; x\.json is not JSON \(.*NaN.*\); y\.xml is no file of tags; /
  const root = await folder({ ...IMAGES, ...broken })
  expect(await refusal(root)).toMatch(/^ROOT: has neither tags\.csv nor tags\.json;/)
  expect(await refusal(root)).toMatch(unread)
  expect(await refusal(await folder({ 'a.jpg': '', ...broken }))).toMatch(unread)
  await expect(openDataset(root, { tags: `${root}/x.json` })).rejects.toThrow(
    '; export it again: one whole JSON',
  )
})
