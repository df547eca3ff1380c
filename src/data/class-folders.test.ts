import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { said } from '../../test/dataset-words.ts'
import { temporaryFolder as folder } from '../../test/temporary-folder.ts'
import { listSplits, openDataset } from './dataset.ts'

async function tagsOf(
  root: string,
  options: Parameters<typeof openDataset>[1] = {},
): Promise<Record<string, string>> {
  const { samples, classes } = await openDataset(root, options)
  return Object.fromEntries(samples.map(({ id, tags }) => [id, tags.map(k => classes[k]!).join('+')]))
}

test.each(['', 'images/', 'photos/', 'pictures/'])('one folder for each class, below %s/', async prefix => {
  const names = ['cat/1.jpg', 'cat/far/2.jpg', 'dog/3.png', 'dog/notes.txt']
  const root = await folder([...names.map(name => prefix + name), 'masks/cat/1.png'])
  expect(await tagsOf(root)).toEqual({ cat__1: 'cat', cat__far__2: 'cat', dog__3: 'dog' })
  const { samples, warnings } = await openDataset(root)
  expect(samples[0]).toEqual({
    id: 'cat__1',
    image: join(root, prefix, 'cat/1.jpg'),
    tags: [0],
    mask: join(root, 'masks/cat/1.png'),
  })
  expect(warnings).toEqual(['2 images have no mask (left out of scores): cat__far__2, dog__3'])
  expect((await said(root)).notes[0]).toBe(
    `${join('ROOT', prefix, 'x').slice(0, -2)}: one folder for each class: cat, dog`,
  )
})

test('a copy in two folders has both tags, another image of that name is another', async () => {
  const root = await folder({
    'cat/1.jpg': 'both',
    'dog/1.jpg': 'both',
    'cat/2.jpg': 'a cat',
    'dog/2.jpg': 'a dog',
    'cat/3.jpg': '',
    'dog/3.jpg': '',
  })
  expect(await tagsOf(root)).toEqual({
    cat__1: 'cat+dog',
    cat__2: 'cat',
    cat__3: 'cat',
    dog__2: 'dog',
    dog__3: 'dog',
  })
  expect((await said(root)).notes).toContain(
    '1 image has a copy in another class folder and the tags of both: cat/1.jpg',
  )
})

test('train/ and val/ above the class folders are splits, with the classes of both', async () => {
  const root = await folder([
    'train/cat/1.jpg',
    'train/dog/2.jpg',
    'train/loose.jpg',
    'valid/bird/3.jpg',
    'test/cat/4.jpg',
  ])
  expect(await tagsOf(root)).toEqual({ train__cat__1: 'cat', train__dog__2: 'dog', train__loose: '' })
  expect(await tagsOf(root, { split: 'val' })).toEqual({ valid__bird__3: 'bird' })
  expect((await openDataset(root)).classes).toEqual(['bird', 'cat', 'dog'])
  expect((await listSplits(root)).sort()).toEqual(['test', 'train', 'val'])
  await expect(openDataset(root, { split: 'extra' })).rejects.toThrow(
    'no row has the split "extra"; the splits are',
  )
})

test('a class may be called train', async () => {
  const root = await folder(['train/1.jpg', 'boat/2.jpg'])
  expect(await tagsOf(root)).toEqual({ train__1: 'train', boat__2: 'boat' })
})

test('loose images are untagged and said; case variants are one class; background is none', async () => {
  const root = await folder([
    'Cat/1.jpg',
    'cat/2.jpg',
    'cat/3.jpg',
    'background/4.jpg',
    'loose.jpg',
    'runs/a/recipe.yaml',
    'runs/a/masks/1.png',
  ])
  expect(await tagsOf(root)).toEqual({
    Cat__1: 'cat',
    cat__2: 'cat',
    cat__3: 'cat',
    background__4: '',
    loose: '',
  })
  expect((await said(root)).warnings).toEqual([
    'ROOT: one class in several spellings: Cat and cat (read as cat)',
    'ROOT: words that name no class are no tags: "background" (1 row)',
    '1 image lies in no class folder: loose.jpg',
    '2 images have no tags (not trained on; no CAM and no pseudo mask is made of them): background/4.jpg, loose.jpg',
  ])
})

test('a table of tags goes before folders, and lists make splits', async () => {
  const root = await folder({
    'cat/1.jpg': '1',
    'cat/3.jpg': '3',
    'dog/2.jpg': '2',
    'train.txt': 'cat/1.jpg\n2\n',
    'val.txt': 'cat/3\n',
  })
  expect(await tagsOf(root)).toEqual({ cat__1: 'cat', dog__2: 'dog' })
  expect(await tagsOf(root, { split: 'val' })).toEqual({ cat__3: 'cat' })
  await writeFile(join(root, 'tags.csv'), 'file,tags\ncat/1.jpg,lion\ndog/2.jpg,wolf\ncat/3.jpg,lion\n')
  expect(await tagsOf(root)).toEqual({ cat__1: 'lion', dog__2: 'wolf' })
  expect(await tagsOf(root, { layout: 'class-folders' })).toEqual({ cat__1: 'cat', dog__2: 'dog' })
})

test('what is no such layout is not taken for one', async () => {
  const loose = await folder(['images/a.jpg', 'images/b.jpg', 'images/sub/c.jpg'])
  await expect(openDataset(loose)).rejects.toThrow('has neither tags.csv nor tags.json')
  const yolo = await folder(['train/images/a.jpg', 'train/labels/a.txt', 'val/images/b.jpg'])
  await expect(openDataset(yolo)).rejects.toThrow(
    'holds no data set that can be recognised: images, but no tags; add tags.csv with the columns file,tags',
  )
  await expect(openDataset(await folder(['cat/a.heic', 'dog/b.heic']))).rejects.toThrow(
    'holds no data set that can be recognised; 2 images are not read (HEIC): cat/a.heic, dog/b.heic; convert them to JPEG or PNG',
  )
  await expect(openDataset(await folder(['images/a.jpg', 'tags.xlsx']))).rejects.toThrow(
    'tags.xlsx: is a workbook, which is not read; save it as tags.csv (CSV) in the spreadsheet',
  )
  await expect(openDataset(await folder(['notes/a.txt']), { layout: 'class-folders' })).rejects.toThrow(
    'holds no folder for each class; put the images of each class into a folder of its name: cat/1.jpg, dog/1.jpg',
  )
})

test('folders inside a class folder are said to be no tags', async () => {
  const root = await folder(['animals/cat/1.jpg', 'animals/2.jpg', 'things/car/3.jpg'])
  expect((await said(root)).notes).toContain(
    'folders inside a class folder are no tags, their images are of that class: animals/cat, things/car',
  )
})

test('the folder above data sets is none', async () => {
  const root = await folder({
    'spring/images/1.jpg': 'a',
    'spring/tags.csv': 'file,tags\n1.jpg,cat\n',
    'autumn/images/1.jpg': 'b',
    'autumn/tags.csv': 'file,tags\n1.jpg,dog\n',
  })
  await expect(openDataset(root)).rejects.toThrow(
    /(spring|autumn)\/ is a data set of its own, with .*tags\.csv/,
  )
  const above = await folder({
    'data/train2014/1.jpg': 'a',
    'data/annotations/instances_train2014.json': '{}',
  })
  await expect(openDataset(above)).rejects.toThrow(
    /data: is a data set of its own, with annotations\/instances_train2014\.json/,
  )
})
