import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { InputError } from '../errors.ts'
import { type Dataset, openDataset } from './dataset.ts'
import { annotatedClasses } from './voc-annotation.ts'

const LIST = 'ImageSets/Segmentation/train.txt'
const XML = (...names: string[]): string =>
  `<annotation>${names.map(name => `<object><name>${name}</name></object>`).join('')}</annotation>\n`

let root = ''
const made: string[] = []
afterEach(async () => {
  for (const folder of made.splice(0)) await rm(folder, { recursive: true, force: true })
})

/** A data set of these images, the list, the tags of all of them. */
async function voc(
  images: readonly string[],
  list: string,
  more: Record<string, string> = {},
): Promise<Dataset> {
  root = await mkdtemp(join(tmpdir(), 'tagmask-voc-'))
  made.push(root)
  const rows = images.map(name => `"${name}",dog\n`).join('')
  const files: Record<string, string> = {
    'tags.csv': `file,tags\n${rows}`,
    [LIST]: list,
    ...Object.fromEntries(images.map(name => [`JPEGImages/${name}`, ''])),
    ...more,
  }
  for (const [name, content] of Object.entries(files)) {
    if (content === 'none') continue
    await mkdir(dirname(join(root, name)), { recursive: true })
    await writeFile(join(root, name), content)
  }
  return openDataset(root)
}

/** The message with paths below the root. */
async function refusal(opening: Promise<unknown>): Promise<string> {
  const error = await opening.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  expect(error).toBeInstanceOf(InputError)
  return (error as InputError).message.replaceAll(`${root}/`, '')
}

describe('names of a list', () => {
  test('with blanks, dots, other endings and separators are those of the images', async () => {
    const images = [
      'IMG.jpg',
      'IMG (1).jpg',
      'a.rf.0123.jpg',
      'B.JPG',
      'c d.png',
      'sub/e.jpg',
      'f.webp',
      'g.jpg',
    ]
    const lines = [
      'IMG',
      'IMG (1)',
      'a.rf.0123',
      'B',
      'c d',
      'sub\\e.jpg',
      'JPEGImages/f.webp',
      'C:\\data\\VOC2012\\JPEGImages\\g.jpg',
    ]
    const { samples, warnings } = await voc(images, `${lines.join('\r\n')}\r\n`)
    expect(samples.map(({ id }) => id)).toEqual([
      'IMG',
      'IMG (1)',
      'a.rf.0123',
      'B',
      'c d',
      'sub__e',
      'f',
      'g',
    ])
    expect(samples.map(({ image }) => image)).toEqual(images.map(name => join(root, 'JPEGImages', name)))
    expect(samples.every(({ tags }) => tags.join() === '11')).toBe(true)
    expect(warnings).toEqual([])
  })

  test('with a mask beside them may hold blanks, too', async () => {
    const lines = [
      '/JPEGImages/IMG.jpg /SegmentationClassAug/IMG.png',
      '/JPEGImages/IMG (1).jpg /SegmentationClassAug/IMG (1).png',
      'JPEGImages\\IMG 2.jpg\tSegmentationClassAug\\IMG 2.png',
      'IMG 3.jpg IMG 3.png',
    ]
    const masks = ['IMG', 'IMG (1)', 'IMG 2', 'IMG 3'].map(name => `SegmentationClassAug/${name}.png`)
    const { samples, warnings } = await voc(
      ['IMG.jpg', 'IMG (1).jpg', 'IMG 2.jpg', 'IMG 3.jpg'],
      lines.join('\n'),
      Object.fromEntries(masks.map(name => [name, ''])),
    )
    expect(samples.map(({ mask }) => mask)).toEqual(masks.map(name => join(root, name)))
    expect(warnings).toEqual([])
  })

  test('with another ending than the file are taken, and said', async () => {
    const { samples, notes } = await voc(['a.png', 'b.jpg'], 'a.jpg\nb.jpg')
    expect(samples.map(({ id }) => id)).toEqual(['a', 'b'])
    expect(notes).toEqual([
      `${join(root, LIST)}: 1 line names another folder or ending than the image has: a.jpg is JPEGImages/a.png`,
    ])
  })

  test('that are absent are named with their line and what may be meant', async () => {
    expect(await refusal(voc(['photo 1.jpg', 'b.jpg'], 'b\n\nphoto 7\nphoto 8 x.png\n'))).toBe(
      `${LIST}: names 2 absent images: JPEGImages/photo 7.jpg, JPEGImages/photo 8.jpg; every image of the list must be in JPEGImages/ (line 3: did you mean "photo 1"?)`,
    )
  })

  test('of any length and with any number of blanks are read at once', async () => {
    const before = process.cpuUsage()
    await expect(voc(['a.jpg'], `a\n${' / x'.repeat(20_000)}\n`)).rejects.toThrow('names 1 absent image')
    await expect(voc(['a.jpg'], `a\n${' / x'.repeat(2000)}\n`)).rejects.toThrow('names 1 absent image')
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / 1e6).toBeLessThan(1)
  })

  test('that lead out of the data set are refused', async () => {
    for (const line of ['../../etc/passwd.jpg', 'a ../../x.png', '..\\a.jpg'])
      expect(await refusal(voc(['a.jpg'], `a\n${line}`))).toBe(
        `${LIST} (line 2): "${line}" leads outside the data set; name images in JPEGImages/, without ".."`,
      )
    expect(await refusal(voc(['a.jpg'], '/etc/hostname'))).toBe(
      `${LIST}: names 1 absent image: etc/hostname; every image of the list must be in JPEGImages/ (line 1)`,
    )
  })

  test('that may be two images, or are those of two, are refused', async () => {
    expect(await refusal(voc(['a.JPG', 'a.png'], 'a', { 'tags.csv': 'file,tags\na.png,dog\n' }))).toBe(
      `${LIST} (line 1): "a" may be a.JPG or a.png; write the name with its ending`,
    )
    const twins = voc(['a.jpg', 'a.png'], 'a.jpg\na.png', { 'tags.csv': 'file,tags\na.png,dog\n' })
    expect(await refusal(twins)).toBe(
      `${LIST} (line 2): JPEGImages/a.png has the name of JPEGImages/a.jpg; images are told apart by their names without the ending: rename one of them`,
    )
    expect((await voc(['a.jpg', 'a.png'], 'a')).samples[0]?.image).toBe(join(root, 'JPEGImages/a.jpg'))
  })
})

test('masks that are listed and not there are said, with where masks of the names lie', async () => {
  const { warnings } = await voc(
    ['a.jpg', 'b.jpg'],
    'JPEGImages/a.jpg SegmentationClassAug/a.png\nJPEGImages/b.jpg SegmentationClassAug/b.png',
    { 'SegmentationClass/a.PNG': '' },
  )
  expect(warnings).toEqual([
    `${join(root, LIST)} names 2 masks not there (left out of scores): SegmentationClassAug/a.png, SegmentationClassAug/b.png; SegmentationClass/ has masks of these names, which a list of ids alone would take`,
  ])
  const bare = await voc(['a.jpg', 'b.jpg'], 'a\nb', { 'SegmentationClass/a.PNG': '' })
  expect(bare.samples.map(({ mask }) => mask)).toEqual([join(root, 'SegmentationClass/a.PNG'), undefined])
  expect(bare.warnings).toEqual(['1 image has no mask (left out of scores): b'])
})

describe('classes that are not those of VOC', () => {
  const own = (first: string, second: string): Promise<Dataset> =>
    voc(['a.jpg', 'b.jpg'], 'a', {
      'tags.csv': 'none',
      'Annotations/a.xml': first,
      'Annotations/b.xml': second,
    })

  test('are one class in upper and lower case', async () => {
    const { classes, samples } = await own(XML('Zebra', 'gnu'), XML('zebra'))
    expect(classes).toEqual(['gnu', 'zebra'])
    expect(samples[0]?.tags).toEqual([0, 1])
  })

  test('are taken from all annotations when none of them is, and said', async () => {
    const { classes, samples, notes } = await own(XML('zebra', 'elephant'), XML('giraffe &amp; co'))
    expect(classes).toEqual(['elephant', 'giraffe & co', 'zebra'])
    expect(samples[0]?.tags).toEqual([0, 2])
    expect(notes).toEqual([
      "no tag is one of VOC's 20 classes: the classes are the tags, sorted: elephant, giraffe & co, zebra",
    ])
    const val = await openDataset(root, { classes: ['zebra', 'elephant'] })
    expect(val.samples[0]?.tags).toEqual([0, 1])
  })

  test('are refused beside those of VOC, with the remedy', async () => {
    expect(await refusal(own(XML('helmet', 'person'), XML()))).toBe(
      `Annotations/a.xml (object): unknown class "helmet"; it is none of VOC's 20 classes. If the classes are your own, list them in classes.txt, one a line`,
    )
    expect(await refusal(own(XML('dgo'), XML()))).toBe(
      `Annotations/a.xml (object): unknown class "dgo"; did you mean "dog"? If the classes are your own, list them in classes.txt, one a line`,
    )
  })

  test('an annotation that is cut short is refused, one that is absent is said', async () => {
    expect(await refusal(own(XML('dog').slice(0, -14), XML()))).toBe(
      'Annotations/a.xml (annotation): is cut short; it must end with </annotation>: write it again',
    )
    const { warnings } = await voc(['a.jpg', 'b.jpg'], 'a\nb', {
      'tags.csv': 'none',
      'Annotations/a.xml': XML('dog'),
    })
    expect(warnings[0]).toBe('1 image has no annotation: b')
  })

  test('more of them than a mask holds are refused', async () => {
    const many = Array.from({ length: 300 }, (_, i) => `thing ${i}`)
    expect(await refusal(own(XML(...many), XML()))).toMatch(/\(classes\): names 300 classes; at most 254 fit/)
  })
})

describe('annotations', () => {
  test('entities, attributes, comments, CDATA and blanks', () => {
    const xml = `<annotation><!-- <object><name>no</name></object> --><object id="1"><name> a &lt;b&gt; &#233;&#x41; </name>
      <part><name>head</name></part></object><objects/><object><name><![CDATA[c & d]]></name></object></annotation>`
    expect(annotatedClasses(xml, 'a.xml')).toEqual(['a <b> éA', 'c & d'])
  })

  test('a megabyte of opening tags is refused at once', () => {
    const began = performance.now()
    for (const tag of ['<object>', '<!--'])
      expect(() => annotatedClasses(`${tag.repeat(2 ** 17)}</annotation>`, 'a.xml')).toThrow(InputError)
    expect(performance.now() - began).toBeLessThan(2000)
  })
})
