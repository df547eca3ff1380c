import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { refusal, said } from '../../test/dataset-words.ts'
import { temporaryFolder as folder } from '../../test/temporary-folder.ts'
import { openDataset } from './dataset.ts'

const IMAGES = { 'images/a.jpg': '', 'images/b.jpg': '', 'images/c.jpg': '' }

/** Names of the tags of each image, by id. */
async function tagsOf(root: string): Promise<Record<string, string[]>> {
  const { samples, classes } = await openDataset(root)
  return Object.fromEntries(samples.map(({ id, tags }) => [id, tags.map(k => classes[k]!)]))
}

describe('a table in other bytes', () => {
  const text = 'file;tags\r\na.jpg;Vögel\r\nb.jpg;Käfer\r\nc.jpg;Vögel\r\n'
  const wanted = { a: ['Vögel'], b: ['Käfer'], c: ['Vögel'] }
  const utf16 = Buffer.from(`\ufeff${text}`, 'utf16le')
  test.each([
    ['UTF-8 with mark', Buffer.from(`\ufeff${text}`), []],
    ['UTF-16, little end first', utf16, []],
    ['UTF-16, big end first', Buffer.from(utf16).swap16(), []],
    ['UTF-16 without mark', Buffer.from(text, 'utf16le'), []],
    [
      'Windows-1252',
      Buffer.from(text, 'latin1'),
      ['ROOT/tags.csv: is not UTF-8; it is read as Windows-1252 (Latin-1)'],
    ],
  ])('%s', async (_, bytes, warnings) => {
    const root = await folder({ ...IMAGES, 'tags.csv': bytes })
    expect(await tagsOf(root)).toEqual(wanted)
    expect((await said(root)).warnings).toEqual(warnings)
  })

  test('a workbook is refused', async () => {
    const root = await folder({ ...IMAGES, 'tags.csv': Buffer.from('PK\x03\x04\0\0\0\0\x08\0x') })
    expect(await refusal(root)).toBe(
      'ROOT/tags.csv: is a workbook or an archive, not text; save it as CSV in the spreadsheet',
    )
  })
})

describe('names of images', () => {
  test.each([
    ['other Unicode', 'images/Ba\u0308r.jpg', 'Bär.jpg'],
    ['other Unicode, the other way', 'images/Bär.jpg', 'Ba\u0308r.jpg'],
    ['other case', 'images/IMG_1.JPG', 'img_1.jpg'],
    ['no ending', 'images/IMG_1.JPG', 'IMG_1'],
    ['backslashes', 'images/sub/x.png', 'images\\sub\\x.png'],
    ['a dot before it', 'images/x.png', './x.png'],
    ['a dot and the folder before it', 'images/x.png', './images/x.png'],
    ['another folder', 'images/x.png', 'C:\\Users\\bob\\Images\\x.png'],
    ['another ending', 'images/x.jpg', 'x.heic'],
    ['dots in the name', 'images/x.y.z.jpg', 'x.y.z'],
    ['the name alone', 'images/sub/x.jpg', 'x.jpg'],
    ['a space that is none', 'images/at 3.00\u202fPM.png', 'at 3.00 PM.png'],
  ])('%s', async (_, file, row) => {
    const root = await folder({ [file]: '', 'images/other.png': '', 'tags.csv': `file,tags\n${row},cat\n` })
    expect(Object.values(await tagsOf(root))).toContainEqual(['cat'])
    expect((await said(root)).warnings.filter(line => !/no row|no tags/.test(line))).toEqual([])
  })

  test('the whole path', async () => {
    const root = await folder({ ...IMAGES, 'tags.csv': '' })
    await writeFile(join(root, 'tags.csv'), `file,tags\n${root}/images/a.jpg,cat\n${root}/b.jpg,dog\n`)
    expect(await tagsOf(root)).toEqual({ a: ['cat'], b: ['dog'], c: [] })
  })

  test('images beside the table', async () => {
    const root = await folder({
      'a.jpg': '',
      'sub/b.jpg': '',
      'masks/a.png': '',
      'runs/x/recipe.yaml': '',
      'runs/x/masks/a.png': '',
      'tags.csv': 'file,tags\na.jpg,cat\nsub/b.jpg,dog\n',
    })
    expect(await tagsOf(root)).toEqual({ a: ['cat'], sub__b: ['dog'] })
    expect((await openDataset(root)).samples[0]!.mask).toBe(join(root, 'masks/a.png'))
  })

  test('one that may be two is refused', async () => {
    const root = await folder({
      'images/x/a.jpg': '',
      'images/y/a.jpg': '',
      'tags.csv': 'file,tags\na.jpg,cat\n',
    })
    expect(await refusal(root)).toBe(
      'ROOT/tags.csv (line 2): a.jpg can be x/a.jpg or y/a.jpg; write the path below the folder of images, with the ending',
    )
  })

  test('a row of another folder does not take the tags of an image that has its own', async () => {
    const root = await folder({
      'images/train/a.jpg': '',
      'images/train/b.jpg': '',
      'tags.csv': 'file,tags\ntrain/a.jpg,cat\nval/a.jpg,dog\ntrain/b.jpg,cat\n',
    })
    expect(await tagsOf(root)).toEqual({ train__a: ['cat'], train__b: ['cat'] })
    expect((await said(root)).warnings).toEqual(['ROOT/tags.csv: names 1 absent image, left out: val/a.jpg'])
  })

  test('rows of one image in several spellings are merged', async () => {
    const root = await folder({
      ...IMAGES,
      'tags.csv': 'file,tags\na.jpg,cat\nimages/a.jpg,dog\nb,cat\nb.jpg,cat\nc,dog\n',
    })
    expect(await tagsOf(root)).toEqual({ a: ['cat', 'dog'], b: ['cat'], c: ['dog'] })
    expect(await said(root)).toEqual({
      warnings: [
        'ROOT/tags.csv: 1 image has the same row twice: b.jpg',
        'ROOT/tags.csv: rows that name one image are merged: a.jpg and images/a.jpg, b and b.jpg',
      ],
      notes: ['ROOT/tags.csv: 1 image has several rows; their tags are merged: a.jpg'],
    })
  })

  test('rows that contradict are refused', async () => {
    const crosses = await folder({
      ...IMAGES,
      'tags.csv': 'file,cat,dog\na.jpg,1,0\nb,0,1\nimages/a.jpg,0,1\n',
    })
    expect(await refusal(crosses)).toBe(
      'ROOT/tags.csv (line 4): a.jpg stands here and at line 2 with other tags; give each image one row',
    )
    const splits = await folder({
      ...IMAGES,
      'tags.csv': 'file,tags,split\na.jpg,cat,train\na.jpg,cat,val\n',
    })
    expect(await refusal(splits)).toBe(
      'ROOT/tags.csv (line 3): a.jpg stands here and at line 2 with another split; give each image one row',
    )
  })

  test('absent images: few are left out by name, most are refused with both sides', async () => {
    const few = await folder({ ...IMAGES, 'tags.csv': 'file,tags\na,cat\nb,cat\nc,dog\nx.jpg,dog\n' })
    expect((await said(few)).warnings).toEqual(['ROOT/tags.csv: names 1 absent image, left out: x.jpg'])
    const most = await folder({ ...IMAGES, 'tags.csv': 'file,tags\na,cat\nx1,cat\nx2,dog\n' })
    expect(await refusal(most)).toBe(
      'ROOT/tags.csv: names 2 absent images: x1, x2; most rows must name an image in ROOT/images, which holds a.jpg, b.jpg, c.jpg',
    )
  })
})

describe('names of classes', () => {
  test('case variants are one class, words that mean none are no tags, slips are warned of', async () => {
    const root = await folder({
      ...IMAGES,
      'images/d.jpg': '',
      'tags.csv': 'file,tags\na.jpg,Cat;bird\nb.jpg,cat;brid\nc.jpg,cat;N/A\nd.jpg,background\n',
    })
    expect((await openDataset(root)).classes).toEqual(['bird', 'brid', 'cat'])
    expect((await said(root)).warnings).toEqual([
      'ROOT/tags.csv: one class in several spellings: Cat and cat (read as cat)',
      'ROOT/tags.csv: words that name no class are no tags: "n/a" (1 row), "background" (1 row)',
      '1 image has no tags (not trained on; no CAM and no pseudo mask is made of it): d.jpg',
      'classes with nearly the same name, images of each; is one a slip?: bird (1) and brid (1)',
    ])
  })

  test('the spelling of classes.txt counts, and a class may be called none there', async () => {
    const root = await folder({
      ...IMAGES,
      'classes.txt': 'CAT\nnone\n',
      'tags.csv': 'file,tags\na,cat\nb,None\nc,Cat\n',
    })
    expect(await tagsOf(root)).toEqual({ a: ['CAT'], b: ['none'], c: ['CAT'] })
  })

  test('a line break in a class is refused', async () => {
    const root = await folder({ ...IMAGES, 'tags.csv': 'file,tags\na.jpg,"traffic\nlight"\n' })
    expect(await refusal(root)).toBe(
      'ROOT/tags.csv (line 2): has the tag "traffic\\nlight"; a tag is one line, without line breaks or control characters; separate tags by ";"',
    )
  })

  test('254 classes fit, 255 do not; the background is none of them, wherever it stands', async () => {
    const table = (count: number) =>
      `file,tags\na.jpg,${Array.from({ length: count }, (_, k) => `c${k}`).join(';')}\n`
    expect((await openDataset(await folder({ ...IMAGES, 'tags.csv': table(254) }))).classes).toHaveLength(254)
    expect(await refusal(await folder({ ...IMAGES, 'tags.csv': table(255) }))).toBe(
      'ROOT/tags.csv (classes): names 255 classes; at most 254 fit masks of 8 bits (0 is the background, 255 no label): leave some out, or join them',
    )
    const listed = await folder({
      ...IMAGES,
      'tags.csv': 'file,tags\na,cat\n',
      'classes.txt': 'cat\nBackground\n',
    })
    expect(await refusal(listed)).toBe(
      'ROOT/classes.txt (classes): lists the background, which is always label 0; one name for each foreground class, in the order of the masks (class k is label k + 1)',
    )
  })
})

test('lists name images in the same ways as tables, and none twice', async () => {
  const files = {
    'images/x/a.jpg': '',
    'images/x/B.JPG': '',
    'images/y/a.jpg': '',
    'tags.csv': 'file,tags\nx/a,cat\ny/a,dog\n',
  }
  const root = await folder({
    ...files,
    'train.txt': 'C:\\photos\\b.jpg\nx/a\n',
    'val.txt': 'a\n',
    'test.txt': 'x/B.JPG\nz/b.jpg\n',
  })
  expect((await openDataset(root)).samples.map(({ id }) => id)).toEqual(['x__B', 'x__a'])
  await expect(openDataset(root, { split: 'val' })).rejects.toThrow(
    'val.txt: a can be x/a.jpg or y/a.jpg; write the path below the folder of images, with the ending',
  )
  await expect(openDataset(root, { split: 'test' })).rejects.toThrow(
    'test.txt: names 1 absent image: z/b.jpg',
  )
})

test('a header is one although an image has its name', async () => {
  const root = await folder({
    'images/image.jpg': '',
    'images/b.jpg': '',
    'tags.csv': 'image,label\nimage,cat\nb,dog\n',
  })
  expect(await tagsOf(root)).toEqual({ b: ['dog'], image: ['cat'] })
})

test('rows without a split are named where others have one', async () => {
  const root = await folder({
    ...IMAGES,
    'tags.csv': 'file,tags,split\na,cat,Train\nb,cat,\nc,dog,Validation\n',
  })
  expect(Object.keys(await tagsOf(root))).toEqual(['a'])
  expect((await openDataset(root, { split: 'val' })).samples.map(({ id }) => id)).toEqual(['c'])
  expect((await said(root)).warnings).toEqual(['1 image has no split and is in none: b.jpg'])
})

test('classes.txt with one name in two cases is refused', async () => {
  const root = await folder({ ...IMAGES, 'tags.csv': 'file,tags\na,cat\n', 'classes.txt': 'cat\nCat\n' })
  expect(await refusal(root)).toBe(
    'ROOT/classes.txt (classes): names "cat" and "Cat", which differ in case alone; case does not tell classes apart: rename one, or take it out',
  )
})

test('control characters of a table do not reach the terminal', async () => {
  const root = await folder({ ...IMAGES, 'tags.csv': 'file,tags\na,cat\nb,cat\n\u001b[2J.jpg,cat\n' })
  expect((await said(root)).warnings[0]).toBe(
    'ROOT/tags.csv: names 1 absent image, left out: "\\u001b[2J.jpg"',
  )
})

describe('tags.json', () => {
  const wanted = { a: ['cat', 'dog'], b: ['cat'], c: [] }
  test.each([
    ['texts', '{"a.jpg": "cat, dog", "b.jpg": "cat", "c.jpg": null}'],
    ['yes and no', '{"a.jpg": {"cat": true, "dog": 1}, "b.jpg": {"cat": true, "dog": false}, "c.jpg": {}}'],
    ['objects', '{"a.jpg": {"tags": ["cat", "dog"]}, "b.jpg": {"labels": "cat"}, "c.jpg": {"tags": []}}'],
    [
      'a list with other names',
      '[{"filename": "a.jpg", "labels": ["cat", "dog"], "w": 3}, {"filename": "b.jpg", "labels": ["cat"]}]',
    ],
    [
      'a list in an object',
      '{"images": [{"file": "a.jpg", "tags": ["cat", "dog"]}, {"file": "b.jpg", "tags": ["cat"]}]}',
    ],
    ['files of each class', '{"cat": ["a.jpg", "b.jpg"], "dog": ["a.jpg"]}'],
    ['an object a line', '{"file": "a.jpg", "tags": ["cat", "dog"]}\n{"file": "b.jpg", "tags": ["cat"]}\n'],
  ])('%s', async (_, json) => {
    expect(await tagsOf(await folder({ ...IMAGES, 'tags.json': json }))).toEqual(wanted)
  })

  test.each([
    [
      '{"a.jpg": ["cat"], "a.jpg": ["dog"]}',
      'ROOT/tags.json: names "a.jpg" twice; give each image one entry',
    ],
    [
      '{"images": [], "annotations": [], "categories": []}',
      'ROOT/tags.json (tags): has no tags at all; tag at least one image',
    ],
    [
      '[{"file": "a.jpg"}]',
      'ROOT/tags.json (entry 1): does not have the form of a tag file; write {"image.jpg": ["tag", "tag"]} or [{"file": "image.jpg", "tags": ["tag"]}]',
    ],
    [
      `{"a.jpg": ${'['.repeat(5000)}${']'.repeat(5000)}}`,
      'ROOT/tags.json (a.jpg): does not have the form of a tag file; write {"image.jpg": ["tag", "tag"]} or [{"file": "image.jpg", "tags": ["tag"]}]',
    ],
  ])('refuses %#', async (json, message) => {
    expect(await refusal(await folder({ ...IMAGES, 'tags.json': json }))).toBe(message)
  })
})

describe('masks', () => {
  test('are found in other case, other Unicode, and with _mask behind the name', async () => {
    const root = await folder({
      'images/A.JPG': '',
      'images/Bär.jpg': '',
      'images/c.jpg': '',
      'images/sub/d.jpg': '',
      'tags.csv': 'file,tags\nA,x\nBär,x\nc,x\nd,x\n',
      'Masks/a.PNG': '',
      'Masks/Ba\u0308r.png': '',
      'Masks/c_mask.png': '',
      'Masks/sub__d.png': '',
      'Masks/z.png': '',
      'Masks/c.tif': '',
    })
    const { samples } = await openDataset(root)
    expect(samples.map(({ mask }) => mask?.slice(root.length + 7))).toEqual([
      'a.PNG',
      'Ba\u0308r.png',
      'c_mask.png',
      'sub__d.png',
    ])
    expect((await said(root)).warnings).toEqual([
      'ROOT/Masks: 1 file is the mask of no image, or of several: z.png',
      'ROOT/Masks: 1 file is no PNG and not read as masks; convert them without loss, and export JPEGs again as PNG: c.tif',
    ])
  })

  test('two of one image are refused', async () => {
    const root = await folder({
      ...IMAGES,
      'tags.csv': 'file,tags\na,x\n',
      'masks/a.png': '',
      'masks/a_mask.png': '',
    })
    expect(await refusal(root)).toBe(
      'ROOT/masks/a_mask.png: and a.png are both masks of a.jpg; an image has one mask: take the other one out',
    )
  })
})
