import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { crc32 } from '../../../io/checksum.ts'
import { encodeImage, writeImage } from '../../../io/image.ts'
import { readLabelMap } from '../../../io/indexed-png.ts'
import { createLog, type Log, silentLog } from '../../../train/log.ts'
import { readCams } from '../../images/cam-file.ts'
import type { RunFolder } from '../../run/run-folder.ts'
import { runRecipe } from '../../run/run-recipe.ts'
import type { StageName } from '../../run/stage.ts'

let folder: string
let data: string

/** Six images of 48 x 40 pixels, one of 300 x 200, four of which a side is shorter than the patch of 8 pixels, and one too large to be read. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-sizes-'))
  data = join(folder, 'data')
  await mkdir(join(data, 'images'), { recursive: true })
  const sizes: Record<string, [number, number]> = {
    large: [300, 200],
    point: [1, 1],
    small: [5, 3],
    tall: [1, 500],
    wide: [48, 5],
  }
  for (let i = 0; i < 6; i++) sizes[`p${i}`] = [48, 40]
  const rows = ['file,tags,split']
  for (const [i, [id, [width, height]]] of Object.entries(sizes).entries()) {
    const pixels = Uint8Array.from({ length: 3 * width * height }, (_, at) => (at * 37 + i * 91) % 256)
    await writeImage(join(data, 'images', `${id}.png`), { width, height, data: pixels })
    rows.push(`${id}.png,${i % 2 === 0 ? 'cat' : 'dog'},train`)
  }
  await writeFile(join(data, 'images', 'huge.png'), await hugePng())
  rows.push('huge.png,cat,train')
  await writeFile(join(data, 'tags.csv'), `${rows.join('\n')}\n`)
})
afterAll(() => rm(folder, { recursive: true }))

/** A PNG whose header says 20,000 x 20,000 pixels. */
async function hugePng(): Promise<Uint8Array> {
  const png = Buffer.from(await encodeImage({ width: 1, height: 1, data: new Uint8Array(3) }))
  for (const at of [16, 20]) png.writeUInt32BE(20_000, at)
  png.writeUInt32BE(crc32(png.subarray(12, 29)), 29)
  return png
}

async function run(name: string, stages: readonly StageName[], set: readonly string[] = [], log?: Log) {
  const small = [
    'model.width={embedDim: 12, depth: 3, heads: 2}',
    'model.fusion={kind: aaf, reduction: 2, featReduction: 2}',
    'model.imageSize=32',
    'model.patchSize=8',
    `data.root=${data}`,
    'data.layout=folder',
    'data.maxLost=0.5',
    'data.valSplit=null',
    'data.workers=1',
    'train.epochs=1',
    'train.batchSize=4',
    'maps.longestSide=64',
    'refine.method=none',
    'segment=null',
    'report.images=0',
  ]
  const { run } = await runRecipe({
    recipe: 'weaktr_demo',
    set: [...small, ...set],

    runs: folder,
    name,
    stages,
    signal: new AbortController().signal,
    log: log ?? silentLog(),
  })
  return run
}

async function sizes({ maps }: RunFolder): Promise<string[]> {
  const files = (await readdir(maps)).sort()
  return Promise.all(
    files.map(async file => {
      const { width, height } = await readCams(join(maps, file))
      return `${file} ${width} x ${height}`
    }),
  )
}

const OWN = [
  'large.safetensors 300 x 200',
  ...Array.from({ length: 6 }, (_, i) => `p${i}.safetensors 48 x 40`),
]

test('maps and masks have the size of the image; what is smaller than a patch is named and left out', async () => {
  const lines: string[] = []
  const log = createLog({ stream: { write: text => lines.push(text) > 0 }, env: {} })
  const made = await run('own', ['train', 'maps', 'evaluate'], [], log)
  expect(await sizes(made)).toEqual(OWN)
  const { width, height } = await readLabelMap(join(made.masks, 'large.png'))
  expect([width, height]).toEqual([300, 200])
  for (const [id, size] of [
    ['point', '1 x 1'],
    ['small', '5 x 3'],
    ['tall', '1 x 500'],
    ['wide', '48 x 5'],
  ]) {
    const file = join(data, 'images', `${id}.png`)
    expect(await readFile(made.lostImages, 'utf8')).toContain(
      `maps\t${id}\t${file}: ${size} pixels is smaller than a patch; at least 8 x 8\n`,
    )
  }
  const huge = join(data, 'images', 'huge.png')
  expect(await readFile(made.lostImages, 'utf8')).toContain(
    `maps\thuge\t${huge}: the image has 20000 x 20000 pixels; at most 200 million`,
  )
  const text = lines.join('')
  expect(text).toContain(
    'maps: 1 image is larger than maps.longestSide (64 pixels) and processed at that size: large\n',
  )
  expect(text).not.toMatch(/at a smaller size/) // huge is left out, and nothing else is said of it
  expect(
    log.warnings.filter(text => text.startsWith('maps: 5 of 12 images could not be used: ')),
  ).toHaveLength(1)
}, 120_000)

test('whatever the scales', async () => {
  expect(await sizes(await run('tenth', ['train', 'maps'], ['maps.scales=[0.1]']))).toEqual(OWN)
  expect(await sizes(await run('mixed', ['train', 'maps'], ['maps.scales=[0.01, 1.5]']))).toEqual(OWN)
}, 120_000)

test('the weights of the heads are those of all images, however often the stage was interrupted', async () => {
  const made = await run('heads', ['train', 'maps'])
  const whole = await readFile(made.headWeights, 'utf8')
  await cp(made.maps, join(folder, 'kept'), { recursive: true })
  const marker = join(made.stages, 'maps.json')
  const before = JSON.parse(await readFile(marker, 'utf8')) as object
  await writeFile(marker, JSON.stringify({ ...before, state: 'running', finished: null }))
  for (const id of ['p1', 'p4', 'large']) await rm(join(made.maps, `${id}.safetensors`))
  await rm(made.headWeights)
  await run('heads', ['maps'])
  expect(await readFile(made.headWeights, 'utf8')).toBe(whole)
}, 120_000)
