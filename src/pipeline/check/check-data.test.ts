import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp, { type Sharp } from 'sharp'
import { describe, expect, it } from 'vitest'
import { tagmask } from '../../../test/command-line.ts'
import { type Files, temporaryFolder } from '../../../test/temporary-folder.ts'
import { generateDemo } from '../../data/demo/index.ts'
import { encodeLabelMap } from '../../io/indexed-png.ts'
import { checkData, type DataCheck } from './check-data.ts'
import { checkText } from './check-text.ts'

const SIDE = 48

/** An image of its own content, by `seed`. */
function noise(seed: number, { width = SIDE, height = SIDE, channels = 3 as 1 | 3 | 4 } = {}): Sharp {
  const data = Uint8Array.from(
    { length: width * height * channels },
    (_, i) => (i * (seed + 3) * 2654435761) >>> 24,
  )
  return sharp(data, { raw: { width, height, channels } })
}

function jpeg(seed: number): Promise<Buffer> {
  return noise(seed).jpeg().toBuffer()
}

/** A mask of the background with a square of each label. */
function mask(labels: readonly number[], { width = SIDE, height = SIDE } = {}): Uint8Array {
  const data = new Uint8Array(width * height)
  for (const [i, label] of labels.entries()) data.fill(label, (i + 1) * 8 * width, (i + 2) * 8 * width)
  return encodeLabelMap({ width, height, data })
}

/** [kind, file from the root on, where] of each problem. */
function named({ root, problems }: DataCheck, ...severities: string[]): (readonly [string, string])[] {
  return problems
    .filter(({ severity }) => severities.includes(severity))
    .map(({ kind, file, where }) => {
      const inside = file === root ? '.' : file.replace(`${root}/`, '')
      return [kind, where === null ? inside : `${inside} ${where}`] as const
    })
}

/** A folder with twelve sound images of horse (label 3) and cat (label 1), and the faults that a person makes. */
async function faulty(): Promise<string> {
  const good = Array.from({ length: 12 }, (_, i) => `good${i}`)
  const rows: string[] = good.map((name, i) => `${name}.jpg,${i < 6 ? 'horse' : 'cat'},train`)
  const files: Record<string, string | Uint8Array> = {}
  for (const [i, name] of good.entries()) {
    files[`images/${name}.jpg`] = await jpeg(i)
    files[`masks/${name}.png`] = mask([i < 6 ? 2 : 1])
  }
  const whole = await jpeg(100)
  Object.assign(files, {
    'classes.txt': 'cat\nhorse\n',
    'images/cut.jpg': whole.subarray(0, whole.length / 2),
    'images/empty.jpg': '',
    'images/page.jpg': '<html>not found</html>',
    'images/phone.heic': 'ftyp',
    'images/tiny.png': await noise(101, { width: 20, height: 9 }).png().toBuffer(),
    'images/zcopy.jpg': await jpeg(3),
    'images/leak.jpg': await jpeg(4),
    'images/twin.png': await jpeg(102),
    'images/twin.jpg': await jpeg(103),
    'images/norow.jpg': await jpeg(104),
    'images/notag.jpg': await jpeg(105),
    'images/slip.jpg': await jpeg(106),
    'images/size.jpg': await jpeg(107),
    'images/label.jpg': await jpeg(108),
    'images/disagree.jpg': await jpeg(109),
    'images/broken.jpg': await jpeg(110),
    'images/two.jpg': await jpeg(111),
    'images/maskless.jpg': await jpeg(112),
    'images/wide.jpg': await jpeg(113),
    'images/nosplit.jpg': await jpeg(114),
    'masks/size.png': mask([2], { width: 40, height: 30 }),
    'masks/label.png': mask([2, 9, 17]),
    'masks/disagree.png': mask([1]),
    'masks/broken.png': mask([2]).subarray(0, 60),
    'masks/two.png': mask([2]),
    'masks/two_mask.png': mask([2]),
    'masks/stranger.png': mask([2]),
    'masks/good0.jpg.txt': 'x',
  })
  for (const name of [
    'cut',
    'empty',
    'page',
    'tiny',
    'zcopy',
    'leak',
    'slip',
    'wide',
    'nosplit',
    'norow',
    'notag',
  ])
    files[`masks/${name}.png`] = mask([2], name === 'tiny' ? { width: 20, height: 9 } : {})
  files['masks/tiny.png'] = encodeLabelMap({ width: 20, height: 9, data: new Uint8Array(180).fill(2, 0, 40) })
  rows.push(
    'cut.jpg,horse,train',
    'empty.jpg,horse,train',
    'page.jpg,horse,train',
    'phone.heic,horse,train',
    'tiny.png,horse,train',
    'zcopy.jpg,horse,train',
    'leak.jpg,horse,val',
    'twin.jpg,horse,train',
    'notag.jpg,,train',
    'slip.jpg,hrse,train',
    'size.jpg,horse,train',
    'label.jpg,horse,train',
    'disagree.jpg,horse,train',
    'broken.jpg,horse,train',
    'two.jpg,horse,train',
    'maskless.jpg,horse,train',
    'wide.jpg,horse,train,and,more',
    'nosplit.jpg,horse,',
    'gone1.jpg,horse,train',
    'gone2.jpg,cat,val',
  )
  files['tags.csv'] = `file,tags,split\n${rows.join('\n')}\n`
  const root = await temporaryFolder(files)
  await symlink(join(root, 'nowhere.jpg'), join(root, 'images', 'link.jpg'))
  return root
}

describe('a folder with one fault of each kind', () => {
  it('names every one once, with its file and a remedy, and exits with 1', async () => {
    const root = await faulty()
    const check = await checkData(root)
    expect(named(check, 'error')).toEqual([
      ['unreadable-image', 'images/cut.jpg'],
      ['unreadable-image', 'images/empty.jpg'],
      ['unreadable-image', 'images/page.jpg'],
      ['absent-image', 'tags.csv line 32'],
      ['absent-image', 'tags.csv line 33'],
      ['same-name', 'images/twin.png'],
      ['bad-row', 'tags.csv line 30'],
      ['unknown-class', 'tags.csv line 23'],
      ['in-two-splits', 'images/leak.jpg'],
      ['unreadable-mask', 'masks/broken.png'],
      ['mask-size', 'masks/size.png'],
      ['mask-labels', 'masks/label.png'],
      ['two-masks', 'masks/two_mask.png'],
    ])
    const cut = check.problems.find(({ file }) => file.endsWith('cut.jpg'))
    expect(cut?.problem).toBe('cannot be decoded') // libvips' words differ from run to run
    expect(named(check, 'warning')).toEqual([
      ['unread-format', 'images/phone.heic'],
      ['left-out-file', 'images/link.jpg'],
      ['small-image', 'images/tiny.png'],
      ['untagged', 'images/norow.jpg'],
      ['untagged', 'images/notag.jpg'],
      ['no-split', 'images/nosplit.jpg'],
      ['duplicate', 'images/zcopy.jpg'],
      ['mask-tags', 'masks/disagree.png'],
      ['no-mask', 'images/maskless.jpg'],
      ['no-mask', 'images/twin.jpg'],
      ['stray-mask', 'masks/stranger.png'],
      ['unread-mask', 'masks/good0.jpg.txt'],
    ])
    expect(check.problems.filter(({ severity, remedy }) => severity !== 'note' && remedy === null)).toEqual(
      [],
    )
    expect(check.problems.find(({ kind }) => kind === 'unknown-class')).toEqual({
      kind: 'unknown-class',
      severity: 'error',
      file: join(root, 'tags.csv'),
      where: 'line 23',
      problem: 'unknown class "hrse"',
      remedy: 'did you mean "horse"?',
    })
    expect(check.problems.find(({ kind }) => kind === 'mask-labels')).toMatchObject({
      problem: 'holds 9, 17, which name no class',
      remedy: 'labels are 0 (background), 1 to 2 (cat, horse) and 255 (ignored)',
    })
    const { code, out } = await tagmask('data', 'check', root, '--all')
    expect(code).toBe(1)
    for (const { file, where } of check.problems.filter(({ severity }) => severity !== 'note'))
      expect(out).toContain(where === null ? file.replace(`${root}/`, '') : `(${where})`)
    expect(out.trimEnd().split('\n').at(-1)).toBe(
      'not ready: 13 errors and 12 warnings; mend them and check again',
    )
  })
})

describe('other layouts', () => {
  it('VOC: lists, masks and annotations', async () => {
    const images = await Promise.all([0, 1, 2].map(jpeg))
    const xml = (name: string): string => `<annotation><object><name>${name}</name></object></annotation>`
    const root = await temporaryFolder({
      'JPEGImages/a.jpg': images[0]!,
      'JPEGImages/b.jpg': images[1]!,
      'JPEGImages/c.jpg': images[2]!,
      'ImageSets/Segmentation/train.txt': 'a\nb\ngone\nb\nother\n',
      'ImageSets/Segmentation/val.txt': 'c\na\n',
      'Annotations/a.xml': xml('cat'),
      'Annotations/b.xml': xml('kat'),
      'Annotations/c.xml': '<annotation><object>',
      'SegmentationClass/a.png': mask([8]),
    })
    expect(named(await checkData(root), 'error')).toEqual([
      ['absent-image', 'ImageSets/Segmentation/train.txt line 3'],
      ['absent-image', 'ImageSets/Segmentation/train.txt line 5'],
      ['bad-annotation', 'Annotations/c.xml annotation'],
      ['unknown-class', 'Annotations/b.xml object'],
      ['in-two-splits', 'JPEGImages/a.jpg'],
    ])
  })

  it('COCO: absent images, wrong entries, the same file in both splits', async () => {
    const [one, two] = await Promise.all([1, 2].map(jpeg))
    const instances = (names: readonly string[], annotations: readonly object[]): string =>
      JSON.stringify({
        images: [...names.map((file_name, id) => ({ id, file_name })), { id: 'x', file_name: 'y.jpg' }],
        annotations,
        categories: [{ id: 5, name: 'cat' }],
      })
    const root = await temporaryFolder({
      'annotations/instances_train.json': instances(
        ['a.jpg', 'gone.jpg', '../b.jpg'],
        [
          { image_id: 0, category_id: 5 },
          { image_id: 0, category_id: 9 },
        ],
      ),
      'annotations/instances_val.json': instances(['c.jpg', 'd.jpg'], [{ image_id: 0, category_id: 5 }]),
      'train/a.jpg': one!,
      'val/c.jpg': one!,
      'val/d.jpg': two!,
    })
    const list = 'annotations/instances_train.json'
    expect(named(await checkData(root), 'error')).toEqual([
      ['absent-image', `${list} images`],
      ['unclear-name', `${list} images`],
      ['bad-annotation', `${list} annotations`],
      ['bad-annotation', `${list} images`],
      ['bad-annotation', 'annotations/instances_val.json images'],
      ['in-two-splits', 'val/c.jpg'],
    ])
  })

  it('class folders, and photos that are unusual and read all the same', async () => {
    const root = await temporaryFolder({
      'cat/grey.png': await noise(1, { channels: 1 }).toColourspace('b-w').png().toBuffer(),
      'cat/cmyk.jpg': await noise(2).toColourspace('cmyk').jpeg().toBuffer(),
      'cat/deep.png': await noise(3).toColourspace('rgb16').png().toBuffer(),
      'dog/clear.png': await noise(4, { channels: 4 }).png().toBuffer(),
      'dog/turned.jpg': await noise(5, { width: 64 }).jpeg().withMetadata({ orientation: 6 }).toBuffer(),
      'dog/bad.jpg': 'no image',
    })
    const check = await checkData(root)
    expect(check.layout).toBe('class-folders')
    expect(named(check, 'error')).toEqual([['unreadable-image', 'dog/bad.jpg']])
    expect(named(check, 'note')).toEqual([
      ['turned', 'dog/turned.jpg'],
      ['grey', 'cat/grey.png'],
      ['cmyk', 'cat/cmyk.jpg'],
      ['deep', 'cat/deep.png'],
      ['transparent', 'dog/clear.png'],
    ])
  })

  it('a slip among tags that are the classes names the rows of the rarer one', async () => {
    const files: Record<string, string | Uint8Array> = {}
    for (let i = 0; i < 7; i++) files[`images/${i}.jpg`] = await jpeg(i)
    const rows = Array.from({ length: 7 }, (_, i) => `${i}.jpg,${i === 4 ? 'hrse' : 'horse'}`)
    const root = await temporaryFolder({ ...files, 'tags.csv': `file,tags\n${rows.join('\n')}\n` })
    const { problems } = await checkData(root)
    expect(problems.filter(({ kind }) => kind === 'slip')).toEqual([
      {
        kind: 'slip',
        severity: 'warning',
        file: join(root, 'tags.csv'),
        where: 'line 6',
        problem: 'tags 4.jpg with "hrse" (1 image), nearly "horse" (6 images)',
        remedy: 'write "horse" if it is a slip; else list the classes in classes.txt',
      },
    ])
  })

  it('doubts the order of the classes where many masks disagree with the tags', async () => {
    const files: Record<string, string | Uint8Array> = {}
    const rows: string[] = []
    for (let i = 0; i < 8; i++) {
      files[`images/${i}.jpg`] = await jpeg(i)
      files[`masks/${i}.png`] = mask([i < 4 ? 1 : 2]) // cat, dog
      rows.push(`${i}.jpg,${i === 0 ? 'Aca' : i < 4 ? 'cat' : 'dog'}`)
    }
    const table = { 'tags.csv': `file,tags\n${rows.join('\n')}\n` }
    const kinds = async (more: Files): Promise<string[]> => {
      const { problems } = await checkData(await temporaryFolder({ ...files, ...table, ...more }))
      return problems.filter(({ kind }) => kind === 'remark').map(({ problem }) => problem)
    }
    expect(await kinds({})).toEqual(['7 of 8 masks disagree with the tags, read as 1 Aca, 2 cat, 3 dog'])
    expect(await kinds({ 'classes.txt': 'cat\ndog\n' })).toEqual([])
  })

  it('reads the images also where the tags cannot be read', async () => {
    const root = await temporaryFolder({
      'images/a.jpg': await jpeg(1),
      'images/b.jpg': 'no image',
      'tags.json': '{',
    })
    expect(named(await checkData(root), 'error')).toEqual([
      ['unopened', 'tags.json'],
      ['unreadable-image', 'images/b.jpg'],
    ])
  })
})

describe('the report', () => {
  it('of a sound data set is a class table and a verdict, and exits with 0', async () => {
    const root = join(await temporaryFolder([]), 'demo')
    await generateDemo(root, { images: 30, valImages: 10, size: 48 })
    const { code, out } = await tagmask('data', 'check', root)
    expect(code).toBe(0)
    expect(out).toMatch(/^ {2}class +train +val +alone +most often with$/m)
    expect(out).not.toContain('errors')
    expect(out).toContain('train: 30 images; 30 of 30 masks can be scored (the numbers are labels)')
    expect(out.trimEnd().split('\n').at(-1)).toMatch(
      /^ready: no (problems|errors, .*) in 40 images, 40 masks$/,
    )
  })

  it('shows five of a kind, and their number', async () => {
    const files: Record<string, string> = { 'a.jpg': '' }
    for (let i = 0; i < 8; i++) files[`images/${i}.jpg`] = 'no image'
    const rows = Array.from({ length: 8 }, (_, i) => `${i}.jpg,cat`)
    const root = await temporaryFolder({
      ...files,
      'tags.csv': `file,tags\n${rows.join('\n')}\n`,
    } satisfies Files)
    const check = await checkData(root)
    expect(checkText(check)).toContain('images that cannot be read: 8\n')
    expect(checkText(check)).toContain('and 3 more (--all)')
    expect(checkText(check).match(/no image|does not begin/g)).toHaveLength(5)
    expect(checkText(check, { all: true }).match(/does not begin/g)).toHaveLength(8)
  })

  it('is one JSON object with --json', async () => {
    const root = await temporaryFolder({
      'images/a.jpg': await jpeg(1),
      'tags.csv': 'file,tags\na.jpg,cat\n',
    })
    const { code, out } = await tagmask('data', 'check', root, '--json')
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      layout: 'folder',
      images: 1,
      errors: 0,
      table: { classes: [{ name: 'cat', images: { train: 1 }, alone: 1, with: {} }], untagged: { train: 0 } },
    })
  })

  it('takes patches and splits from a recipe', async () => {
    const root = join(await temporaryFolder([]), 'demo')
    await generateDemo(root, { images: 4, valImages: 2, size: 32 })
    await writeFile(join(root, 'test.txt'), '0001\n')
    const recipe = join(
      await temporaryFolder({ 'cam.yaml': 'method: cam\nmodel: {patchSize: 8}\n' }),
      'cam.yaml',
    )
    const { out } = await tagmask('data', 'check', root, '--recipe', recipe)
    expect(out).not.toContain('test: ')
    expect(out).not.toContain('smaller than a patch')
  })

  it('without a folder says so', async () => {
    expect(await tagmask('data', 'check', '/nowhere/at/all')).toMatchObject({
      code: 1,
      err: 'error: /nowhere/at/all: no such folder; give the folder of a data set\n',
    })
    expect((await tagmask('data', 'check')).err).toBe(
      'error: DIR: is not given; give the folder of the data set\n',
    )
  })
})

describe('tagmask data demo', () => {
  it('makes the set of the demo, and leaves a folder with other files alone', async () => {
    const root = await temporaryFolder({ 'theirs/notes.txt': 'mine' })
    const made = await tagmask(
      'data',
      'demo',
      '--out',
      join(root, 'new'),
      '--images',
      '3',
      '--val',
      '1',
      '--size',
      '32',
    )
    expect(made).toMatchObject({ code: 0, err: '' })
    expect((await readFile(join(root, 'new', 'train.txt'), 'utf8')).trim().split('\n')).toHaveLength(3)
    const refused = await tagmask('data', 'demo', '--out', join(root, 'theirs'))
    expect(refused.code).toBe(1)
    expect(refused.err).toBe(
      `error: ${join(root, 'theirs')} (--out): holds other files; give a new or empty folder\n`,
    )
    await mkdir(join(root, 'empty'))
    expect(
      (await tagmask('data', 'demo', '--out', join(root, 'empty'), '--images', '2', '--val', '0')).code,
    ).toBe(0)
    expect((await tagmask('data', 'demo', '--out', join(root, 'x'), '--images', '-2')).err).toBe(
      'error: --images: is -2; a whole number from 1 on\n',
    )
  })
})
