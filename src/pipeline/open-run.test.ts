import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { generateDemo } from '../data/demo/index.ts'
import { InputError, TagmaskError } from '../errors.ts'
import { readImage, readLabelMap, writeImage } from '../io/index.ts'
import { createLog, silentLog } from '../train/log.ts'
import { type OpenedRun, openRun } from './open-run.ts'
import { predictFolder } from './out/predict-folder.ts'
import { existingRunFolder } from './run/run-folder.ts'
import { runRecipe } from './run/run-recipe.ts'

const RECIPE = `method: mctformer
model: { width: { embedDim: 24, depth: 2, heads: 2 }, imageSize: 32, patchSize: 16 }
data: { layout: folder, workers: 1 }
train: { epochs: 1, batchSize: 4 }
maps: { layers: 2 }
segment: { cropSize: 32, epochs: 1, batchSize: 4 }
predict: { scales: [1, 1.5], longestSide: 64 }
threads: 1
`

let folder: string
let images: string
let root: string
let opened: OpenedRun

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-open-'))
  await generateDemo(join(folder, 'data'), { images: 8, valImages: 2, size: 80, seed: 3 })
  images = join(folder, 'data/images')
  const recipe = join(folder, 'small.yaml')
  await writeFile(recipe, RECIPE)
  const data = relative(process.cwd(), join(folder, 'data')) // the recipe of the run holds it absolute
  const stages = ['train', 'maps', 'evaluate', 'refine', 'segment']
  root = (await runRecipe({ recipe, data, runs: join(folder, 'runs'), stages })).run.root
  opened = await openRun(root)
}, 120_000)

afterAll(async () => {
  opened.dispose()
  await rm(folder, { recursive: true })
})

const firstImage = async (): Promise<string> => join(images, (await readdir(images)).sort()[0]!)

describe('an opened run', () => {
  test.each([false, true])('labels as tagmask predict --images does; crf: %s', async crf => {
    const { run, recipe } = await existingRunFolder(root)
    const out = join(folder, crf ? 'crf' : 'plain')
    const { signal } = new AbortController()
    await predictFolder({
      ...{ run, recipe, images, out, crf, overlays: false, force: false },
      ...{ signal, log: silentLog() },
    })
    const names = (await readdir(images)).sort()
    const predictions = await Promise.all(names.map(name => opened.predict(join(images, name), { crf })))
    for (const [i, name] of names.entries())
      expect(predictions[i]!.labels).toEqual(await readLabelMap(join(out, name.replace('.jpg', '.png'))))
    expect(opened.classes).toContain('boat')
    expect(recipe.data.root).toBe(join(folder, 'data'))
  })

  test('takes an image in memory; its scores are probabilities at the size that the network saw', async () => {
    const image = await readImage(await firstImage())
    const { labels, scores } = await opened.predict(image)
    expect(labels).toEqual((await opened.predict(await firstImage())).labels)
    expect([labels.width, labels.height]).toEqual([80, 80])
    expect([scores.labels, scores.width, scores.height]).toEqual([opened.classes.length + 1, 64, 64])
    expect(scores.data).toHaveLength(scores.labels * 64 * 64)
    const sum = Array.from({ length: scores.labels }, (_, k) => scores.data[k * 64 * 64]!).reduce(
      (a, b) => a + b,
    )
    expect(sum).toBeCloseTo(1, 5)
    const at = (k: number) => scores.data[k * 64 * 64]!
    const best = Array.from({ length: scores.labels }, (_, k) => k).reduce((a, b) => (at(b) > at(a) ? b : a))
    expect(labels.data[0]).toBe(best)
  })

  test('says which images were made smaller, in one line', async () => {
    const lines: string[] = []
    const log = createLog({ stream: { write: line => lines.push(line) > 0 }, env: {} })
    using other = await openRun(root, { set: ['predict.scales=[1]', 'predict.longestSide=32'], log })
    expect((await other.predict(await firstImage())).scores).toMatchObject({ width: 32, height: 32 })
    expect(lines.join('')).toBe(
      `predict: 1 image is larger than predict.longestSide (32 pixels) and processed at that size: ${await firstImage()}\n`,
    )
  })

  test('keeps to the memory of the recipe', async () => {
    const lines: string[] = []
    const log = createLog({ stream: { write: line => lines.push(line) > 0 }, env: {} })
    using other = await openRun(root, { set: ['memory=64', 'predict.longestSide=2000'], log })
    const large = { width: 1200, height: 1200, data: new Uint8Array(3 * 1200 * 1200) }
    const { labels, scores } = await other.predict(large)
    expect(labels).toMatchObject({ width: 1200, height: 1200 })
    expect(scores.width).toBeLessThan(1200)
    expect(lines.join('')).toContain('(64 MB may be used, by memory of the recipe and of the machine)')
  })

  test('refuses what it cannot use, and continues', async () => {
    const image = { width: 4, height: 4, data: new Uint8Array(16) }
    await expect(opened.predict(image)).rejects.toThrow(
      new InputError('image', 'has 16 bytes for 4 x 4 pixels', {
        field: 'data',
        expected: 'a Uint8Array of 48 is needed, RGB row by row',
      }),
    )
    await expect(opened.predict(join(folder, 'none.jpg'))).rejects.toThrow(
      `${join(folder, 'none.jpg')}: cannot be read (it does not exist)`,
    )
    using without = await openRun(root, { set: ['predict.crf=null'] })
    await expect(without.predict(await firstImage(), { crf: true })).rejects.toThrow(
      'predict.crf: is null; leave out crf, or open the run with set: ["predict.crf={}"]',
    )
    const wide = { width: 100, height: 3, data: new Uint8Array(900) }
    expect((await opened.predict(wide)).labels).toMatchObject({ width: 100, height: 3 })
    const file = join(folder, 'wide.png')
    await writeImage(file, wide)
    expect((await opened.predict(file)).labels).toEqual((await opened.predict(wide)).labels)
  })

  test('predicts nothing once disposed of', async () => {
    const { memory } = await import('../torch/index.ts')
    const { live } = memory()
    const other = await openRun(root)
    await other.predict(await firstImage())
    other.dispose()
    expect(memory().live).toBe(live)
    await expect(other.predict(await firstImage())).rejects.toThrow(
      new TagmaskError(`${root}: the run was disposed of`),
    )
  })
})

describe('a run that cannot be opened', () => {
  test('is not there, or no run', async () => {
    await expect(openRun(join(folder, 'none'))).rejects.toThrow(
      `${join(folder, 'none')}: there is no such run; give the folder of a run, such as runs/NAME`,
    )
    await expect(openRun(images)).rejects.toThrow(`${images}: is not a run folder: it holds no recipe.yaml`)
  })

  test('has trained no segmentation network: the message says how it gets one', async () => {
    const options = {
      recipe: join(folder, 'small.yaml'),
      data: join(folder, 'data'),
      runs: join(folder, 'runs'),
    }
    const begun = await runRecipe({ ...options, name: 'begun', stages: ['train'] })
    await expect(openRun(begun.run.root)).rejects.toThrow(
      `${begun.run.root}: has no trained segmentation network; train it first: tagmask segment ${begun.run.root}`,
    )
    const maps = await runRecipe({
      ...options,
      set: ['segment=null'],
      name: 'maps',
      stages: ['train'],
    })
    await expect(openRun(maps.run.root)).rejects.toThrow(
      `${maps.run.root}: has no trained segmentation network; its recipe has no section segment: add it with tagmask run ${maps.run.root} --resume-with-changes --set segment={}`,
    )
    const { worked } = await runRecipe({
      recipe: maps.run.root,
      set: ['segment={cropSize: 32, epochs: 1, batchSize: 4}'],
      withChanges: true,
    })
    expect(worked).toContain('segment')
    using trained = await openRun(maps.run.root)
    expect(trained.classes).toEqual(opened.classes)
  })
})
