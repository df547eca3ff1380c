import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readLabelMap } from '../../io/indexed-png.ts'
import { DEMO_CLASSES, generateDemo } from './index.ts'
import { createRandom } from './random.ts'
import { paintScene } from './scene.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-demo-'))
})
afterAll(() => rm(folder, { recursive: true }))

const small = { seed: 3, images: 12, valImages: 4, size: 48 }

test('writes a tagged folder whose tags say what the masks hold', async () => {
  const root = join(folder, 'tagged')
  expect(await generateDemo(root, small)).toEqual({ root, classes: DEMO_CLASSES, images: 16, made: true })
  const [header, ...rows] = (await readFile(join(root, 'tags.csv'), 'utf8')).trim().split('\n')
  expect(header).toBe('file,tags')
  expect(rows).toHaveLength(16)
  for (const row of rows) {
    const [file = '', tags = ''] = row.split(',')
    const { width, height, space } = await sharp(join(root, 'images', file)).metadata()
    expect([width, height, space]).toEqual([48, 48, 'srgb'])
    const mask = await readLabelMap(join(root, 'masks', file.replace('.jpg', '.png')))
    const labels = [...new Set(mask.data)].filter(label => label > 0).sort((a, b) => a - b)
    expect(labels.map(label => DEMO_CLASSES[label - 1])).toEqual(tags.split(';'))
  }
  const lists = await Promise.all(['train', 'val'].map(split => readFile(join(root, `${split}.txt`), 'utf8')))
  expect(lists.map(list => list.trim().split('\n').length)).toEqual([12, 4])
})

test('the same seed makes the same bytes, another seed others', async () => {
  const roots = ['first', 'second', 'other'].map(name => join(folder, name))
  for (const [i, root] of roots.entries()) await generateDemo(root, { ...small, seed: i === 2 ? 4 : 3 })
  const contents = await Promise.all(roots.map(readAll))
  expect(contents[1]).toEqual(contents[0])
  expect(contents[2]!.get('images/0001.jpg')).not.toEqual(contents[0]!.get('images/0001.jpg'))
})

test('many images, which threads make, are those that are made without', async () => {
  const [few, many] = ['few', 'many'].map(name => join(folder, name)) as [string, string]
  const seen: number[] = []
  await generateDemo(few, { ...small, images: 16, valImages: 0 })
  const onProgress = (made: number) => seen.push(made)
  const { images } = await generateDemo(many, { ...small, images: 60, valImages: 10, onProgress })
  expect(images).toBe(70)
  expect(seen.at(-1)).toBe(70)
  const contents = await readAll(many)
  for (const [name, bytes] of await readAll(few))
    if (/^(images|masks)/.test(name)) expect(contents.get(name)).toEqual(bytes)
  const rows = async (root: string) => (await readFile(join(root, 'tags.csv'), 'utf8')).split('\n')
  expect((await rows(many)).slice(0, 17)).toEqual((await rows(few)).slice(0, 17))
})

test('keeps a set that is there, replaces one with other settings, and leaves anything else alone', async () => {
  const root = join(folder, 'kept')
  await generateDemo(root, small)
  const before = await stat(join(root, 'tags.csv'))
  expect((await generateDemo(root, small)).made).toBe(false)
  expect((await stat(join(root, 'tags.csv'))).mtimeMs).toBe(before.mtimeMs)
  expect((await generateDemo(root, { ...small, images: 2 })).made).toBe(true)
  expect(await readdir(join(root, 'images'))).toHaveLength(6)

  const photos = join(folder, 'photos')
  await mkdir(photos)
  await writeFile(join(photos, 'holiday.jpg'), 'precious')
  await expect(generateDemo(photos, small)).rejects.toThrow(/photos: .*is not a demo data set/)
  expect(await readFile(join(photos, 'holiday.jpg'), 'utf8')).toBe('precious')
  expect((await readdir(folder)).filter(name => name.includes('.part-'))).toEqual([])
})

test.each([1, 77, 4_000_000_000])(
  'seed %i: every kind is common, of natural size, boats are low and birds high',
  seed => {
    const size = 48
    const images = Array.from({ length: 120 }, (_, i) => paintScene(createRandom(seed, i), size))
    for (const [k, name] of DEMO_CLASSES.entries()) {
      const tagged = images.filter(({ classes }) => classes.includes(k))
      expect(tagged.length, name).toBeGreaterThan(120 / 10)
      const shares = tagged.map(
        ({ canvas }) => canvas.labels.filter(label => label === k + 1).length / size ** 2,
      )
      const mean = shares.reduce((a, b) => a + b) / shares.length
      expect(mean, name).toBeGreaterThan(0.05)
      expect(mean, name).toBeLessThan(0.4)
    }
    const meanRow = (k: number) => {
      const rows = images.flatMap(({ canvas }) =>
        [...canvas.labels.keys()].filter(i => canvas.labels[i] === k + 1),
      )
      return rows.reduce((sum, i) => sum + Math.floor(i / size), 0) / rows.length / size
    }
    expect(meanRow(DEMO_CLASSES.indexOf('bird'))).toBeLessThan(0.45)
    expect(meanRow(DEMO_CLASSES.indexOf('boat'))).toBeGreaterThan(0.5)
  },
)

test('refuses a size that shows nothing', async () => {
  await expect(generateDemo(join(folder, 'tiny'), { size: 8 })).rejects.toThrow(
    /\(size\): cannot make images of 8/,
  )
})

async function readAll(root: string): Promise<Map<string, Buffer>> {
  const names = (await readdir(root, { recursive: true, withFileTypes: true })).filter(entry =>
    entry.isFile(),
  )
  const paths = names.map(entry => join(entry.parentPath, entry.name)).sort()
  return new Map(
    await Promise.all(paths.map(async path => [path.slice(root.length + 1), await readFile(path)] as const)),
  )
}
