import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder as folder } from '../../test/temporary-folder.ts'
import { openDataset, tagged } from './dataset.ts'
import { annotatedClasses } from './voc-annotation.ts'

const THREE = { 'images/a.jpg': '', 'images/b.PNG': '', 'images/sub/c.webp': '', 'images/notes.md': '' }

describe('a plain folder', () => {
  test('reads tags, masks and sub-folders; classes are the sorted tags', async () => {
    const root = await folder({
      ...THREE,
      'tags.csv': '\uFEFFfile,tags\r\na.jpg,dog;cat\r\n"b.PNG"," cat "\r\n\r\nsub/c.webp,bird',
      'masks/a.png': '',
      'masks/sub/c.png': '',
    })
    const dataset = await openDataset(root)
    expect(dataset.classes).toEqual(['bird', 'cat', 'dog'])
    expect(dataset.samples).toEqual([
      { id: 'a', image: join(root, 'images/a.jpg'), tags: [1, 2], mask: join(root, 'masks/a.png') },
      { id: 'b', image: join(root, 'images/b.PNG'), tags: [1], mask: undefined },
      {
        id: 'sub__c',
        image: join(root, 'images/sub/c.webp'),
        tags: [0],
        mask: join(root, 'masks/sub/c.png'),
      },
    ])
    expect(dataset.warnings).toEqual(['1 image has no mask (left out of scores): b'])
  })

  test('keeps images without tags or without a row, and says so', async () => {
    const root = await folder({ ...THREE, 'tags.csv': 'file,tags\na.jpg,cat\nb.PNG,\n' })
    const dataset = await openDataset(root)
    expect(dataset.samples.map(({ tags }) => tags)).toEqual([[0], [], []])
    expect(tagged(dataset).map(({ id }) => id)).toEqual(['a'])
    expect(dataset.warnings).toEqual([
      '2 images have no tags, 1 of them no row in tags.csv (not trained on; no CAM and no pseudo mask is made of them): b.PNG, sub/c.webp',
    ])
  })

  test.each([
    ['an object', '{"a.jpg": ["cat"], "b.PNG": [], "images/sub/c.webp": ["cat", "dog"]}'],
    [
      'a list',
      '[{"file":"a","tags":["cat"]},{"file":"b","tags":[]},{"file":"sub\\\\c.webp","tags":["dog","cat"]}]',
    ],
  ])('reads tags.json as %s', async (_, json) => {
    const dataset = await openDataset(await folder({ ...THREE, 'tags.json': json }))
    expect(dataset.samples.map(({ tags }) => tags)).toEqual([[0], [], [0, 1]])
  })

  test('splits by list files, by a column, or not at all', async () => {
    const tags = 'file,tags\na.jpg,cat\nb.PNG,dog\nsub/c.webp,cat\n'
    const lists = await folder({
      ...THREE,
      'tags.csv': tags,
      'train.txt': 'a.jpg\r\n\r\nsub/c',
      'val.txt': 'b.PNG',
    })
    expect((await openDataset(lists)).samples.map(({ id }) => id)).toEqual(['a', 'sub__c'])
    expect((await openDataset(lists, { split: 'val' })).samples.map(({ id }) => id)).toEqual(['b'])
    expect((await openDataset(lists, { split: 'val' })).classes).toEqual(['cat', 'dog'])
    await expect(openDataset(lists, { split: 'test' })).rejects.toThrow(/there is train, val/)

    const column = await folder({
      ...THREE,
      'tags.csv': 'file,split,tags\na,train,cat\nb,val,dog\nsub/c,train,cat',
    })
    expect((await openDataset(column, { split: 'val' })).samples.map(({ id }) => id)).toEqual(['b'])
    await expect(openDataset(column, { split: 'test' })).rejects.toThrow(/the splits are train, val/)

    const none = await folder({ ...THREE, 'tags.csv': tags })
    await expect(openDataset(none, { split: 'val' })).rejects.toThrow(/add val\.txt/)
    const onlyVal = await folder({ ...THREE, 'tags.csv': tags, 'val.txt': 'b' })
    await expect(openDataset(onlyVal)).rejects.toThrow(/add train\.txt/)
    const absent = await folder({ ...THREE, 'tags.csv': tags, 'train.txt': 'a\nx\ny\n' })
    await expect(openDataset(absent)).rejects.toThrow(/train\.txt: names 2 absent images: x, y/)
  })

  test('takes the order of classes.txt, and refuses what is not in it with the nearest name', async () => {
    const files = { ...THREE, 'tags.csv': 'file,tags\na.jpg,zebra\nb.PNG,ape\n' }
    const root = await folder({ ...files, 'classes.txt': 'zebra\nape\nlion\n' })
    expect((await openDataset(root)).samples.map(({ tags }) => tags)).toEqual([[0], [1], []])
    expect((await openDataset(root, { classes: ['ape', 'zebra'] })).samples[0]?.tags).toEqual([1])
    const other = await folder({ ...files, 'classes.txt': 'zebras\nape\n' })
    await expect(openDataset(other)).rejects.toThrow(
      /tags\.csv \(line 2\): unknown class "zebra"; did you mean "zebras"/,
    )
    const twice = await folder({ ...files, 'classes.txt': 'ape\nzebra\nape\n' })
    await expect(openDataset(twice)).rejects.toThrow(/names "ape" twice/)
    const background = await folder({ ...files, 'classes.txt': 'background\nape\nzebra\n' })
    await expect(openDataset(background)).rejects.toThrow(/background, which is always label 0/)
  })

  test.each([
    [
      'absent images',
      'file,tags\nx.jpg,cat\ny.jpg,cat\na.jpg,cat\nz,cat\nw,cat',
      /names 4 absent images: x\.jpg, y\.jpg, z and 1 more/,
    ],
    ['an empty file', '', /\(header\): is empty/],
    ['no tags at all', 'file,tags\na.jpg,\n', /has no tags at all/],
    [
      'tags separated by commas',
      'file,tags\na.jpg,cat,dog',
      /\(line 2\): has 3 fields where the header has 2; separate tags by ";"/,
    ],
    ['an open quote', 'file,tags\na.jpg,"cat\n', /\(line 2\): a quote is not closed/],
    ['a row without a file', 'file,tags\n,dog', /\(line 2\): names no file/],
  ])('refuses %s', async (_, csv, message) => {
    await expect(openDataset(await folder({ ...THREE, 'tags.csv': csv }))).rejects.toThrow(message)
  })

  test('warns of a row that is repeated word for word', async () => {
    const dataset = await openDataset(
      await folder({ ...THREE, 'tags.csv': 'file,tags\na,x;y\nb,x\nsub/c,x\na,y;x' }),
    )
    expect(dataset.warnings.join()).toMatch(/tags\.csv: 1 image has the same row twice: a/)
  })

  test.each([
    ['not JSON', '{', /is not JSON/],
    ['another form', '{"a.jpg": [["cat"]]}', /does not have the form of a tag file; write/],
  ])('refuses tags.json that is %s', async (_, json, message) => {
    await expect(openDataset(await folder({ ...THREE, 'tags.json': json }))).rejects.toThrow(message)
  })

  test('refuses folders that are missing, empty, or without images or tags', async () => {
    await expect(openDataset('/nowhere/at/all')).rejects.toThrow(
      /no such folder; give a folder with images\//,
    )
    await expect(openDataset(await folder({}))).rejects.toThrow(/holds no data set that can be recognised/)
    await expect(openDataset(join(await folder({ file: '' }), 'file'))).rejects.toThrow(/is a file/)
    await expect(openDataset(await folder({ 'tags.csv': 'file,tags\n' }))).rejects.toThrow(
      /images: no such folder/,
    )
    await expect(openDataset(await folder({ 'images/a.txt': '' }))).rejects.toThrow(/holds no images/)
    await expect(openDataset(await folder(THREE))).rejects.toThrow(/neither tags\.csv nor tags\.json/)
  })

  test('refuses two images of one name', async () => {
    const root = await folder({ 'images/a.jpg': '', 'images/a.png': '', 'tags.csv': 'file,tags\na.jpg,x' })
    await expect(openDataset(root)).rejects.toThrow(/a\.png: has the same name as a\.jpg/)
  })
})

const XML = `<annotation><object><part><name>head</name></part><name>person</name></object>
  <object><name>dog</name><difficult>1</difficult></object><object><name>dog</name></object></annotation>`

const VOC = {
  'JPEGImages/2007_1.jpg': '',
  'JPEGImages/2007_2.jpg': '',
  'Annotations/2007_1.xml': XML,
  'Annotations/2007_2.xml': XML.replaceAll('dog', 'cat'),
  'ImageSets/Segmentation/train.txt': '2007_1\r\n\r\n2007_2',
}

describe('the layout of VOC', () => {
  test.each(['', 'VOC2012/', 'VOCdevkit/VOC2012/'])(
    'is found in %s/, with tags from the annotations',
    async prefix => {
      const files = Object.entries(VOC).map(([name, content]) => [prefix + name, content])
      const root = await folder(Object.fromEntries(files))
      const { samples, classes, warnings } = await openDataset(root)
      expect(samples.map(({ id, tags }) => [id, tags])).toEqual([
        ['2007_1', [11, 14]],
        ['2007_2', [7, 14]],
      ])
      expect(classes).toHaveLength(20)
      expect(warnings).toEqual([])
    },
  )

  test('prefers tags.csv, the augmented masks, and takes either spelling of train_aug', async () => {
    const root = await folder({
      ...VOC,
      'tags.csv': 'file,tags\n2007_1.jpg,boat\n2007_2.jpg,bus;train',
      'SegmentationClassAug/2007_1.png': '',
      'SegmentationClass/2007_1.png': '',
      'SegmentationClass/2007_2.png': '',
      'ImageSets/Segmentation/trainaug.txt':
        '/JPEGImages/2007_2.jpg /SegmentationClassAug/2007_2.png\n2007_1\n2007_1\n',
    })
    const { samples, warnings } = await openDataset(root, { split: 'train_aug' })
    expect(samples).toEqual([
      {
        id: '2007_2',
        image: join(root, 'JPEGImages/2007_2.jpg'),
        tags: [5, 18],
        mask: join(root, 'SegmentationClassAug/2007_2.png'),
      },
      {
        id: '2007_1',
        image: join(root, 'JPEGImages/2007_1.jpg'),
        tags: [3],
        mask: join(root, 'SegmentationClassAug/2007_1.png'),
      },
    ])
    expect(warnings.join()).toMatch(/trainaug\.txt: 1 repeated line left out/)
    expect((await openDataset(root)).samples[1]?.mask).toBe(join(root, 'SegmentationClass/2007_2.png'))
  })

  test('refuses absent images, unknown splits and classes', async () => {
    const absent = await folder({ ...VOC, 'ImageSets/Segmentation/train.txt': '2007_1\n2007_9\n' })
    await expect(openDataset(absent)).rejects.toThrow(
      /train\.txt: names 1 absent image: JPEGImages\/2007_9\.jpg/,
    )
    const root = await folder(VOC)
    await expect(openDataset(root, { split: 'trian' })).rejects.toThrow(/no such split; did you mean "train"/)
    const unknown = await folder({ ...VOC, 'tags.csv': 'file,tags\n2007_1,dogs\n' })
    await expect(openDataset(unknown)).rejects.toThrow(/unknown class "dogs"; did you mean "dog"/)
    const row = await folder({ ...VOC, 'tags.csv': 'file,tags\n2007_1,dog\n2007_7,dog\n' })
    await expect(openDataset(row)).rejects.toThrow(/tags\.csv: names 1 absent image: 2007_7/)
    const empty = await folder({ ...VOC, 'ImageSets/Segmentation/train.txt': '\n' })
    await expect(openDataset(empty)).rejects.toThrow(/names no image/)
    const { 'Annotations/2007_1.xml': _, 'Annotations/2007_2.xml': __, ...bare } = VOC
    await expect(openDataset(await folder(bare))).rejects.toThrow(
      /neither tags\.csv, cls_labels\.npy, Annotations\/ nor masks/,
    )
    await expect(openDataset(await folder(THREE), { layout: 'voc' })).rejects.toThrow(
      /not have the layout of VOC/,
    )
  })

  test('keeps images without tags and says so', async () => {
    const root = await folder({ ...VOC, 'Annotations/2007_2.xml': '<annotation></annotation>' })
    const dataset = await openDataset(root)
    expect(dataset.samples.map(({ tags }) => tags.length)).toEqual([2, 0])
    expect(dataset.warnings.join()).toMatch(/1 image has no tags .*: 2007_2/)
  })

  test('an object has one name, whatever its parts are called', () => {
    expect(annotatedClasses(XML, 'a.xml')).toEqual(['person', 'dog', 'dog'])
  })
})

const VOC_MINI = join(import.meta.dirname, '../../../shared/data/voc-mini')

describe.skipIf(!existsSync(VOC_MINI))('voc-mini (skipped where ../shared is absent)', () => {
  test.each([
    ['train', 1103],
    ['val', 150],
  ])('%s', async (split, count) => {
    const { samples, warnings } = await openDataset(VOC_MINI, { split })
    expect(samples).toHaveLength(count)
    expect(samples.every(({ mask, tags }) => mask !== undefined && tags.length > 0)).toBe(true)
    expect(warnings).toEqual([])
  })
})
