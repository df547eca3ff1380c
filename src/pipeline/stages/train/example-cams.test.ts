import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readEvents } from '../../../../test/read-events.ts'
import { generateDemo } from '../../../data/demo/index.ts'
import { memory } from '../../../torch/index.ts'
import { createLog } from '../../../train/log.ts'
import { readMetrics } from '../../../train/metrics.ts'
import { runFolder } from '../../run/run-folder.ts'
import { runRecipe } from '../../run/run-recipe.ts'

let root: string
let lines: string[] = []

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tagmask-examples-'))
  await generateDemo(join(root, 'data'), { images: 24, valImages: 12, size: 48, seed: 3 })
})
afterAll(() => rm(root, { recursive: true }))

const SMALL = [
  'data.layout=folder',
  'train.epochs=2',
  'train.batchSize=6',
  'train.validateEvery=1',
  'train.checkpointSteps=1',
  'train.logEvery=1',
  'keep=all',
  'precision=fp32',
  'threads=1',
]

/** Trains without TensorBoard and with it. */
async function train(
  recipe: string,
  name: string,
  { set = [], data = join(root, 'data') }: { set?: readonly string[]; data?: string } = {},
) {
  lines = []
  await runRecipe({
    recipe,
    set: [...SMALL, `data.root=${data}`, ...set],
    runs: root,
    name,
    stages: ['train'],
    signal: new AbortController().signal,
    log: createLog({ stream: { write: text => lines.push(text.trimEnd()) }, env: {} }),
  })
  return runFolder(join(root, name))
}

/** Contents of the checkpoints, of the state in the middle of training too; and the rows of the metrics without speeds. */
async function madeBy({ checkpoints, metrics }: ReturnType<typeof runFolder>) {
  const names = (await readdir(checkpoints)).sort()
  const files = await Promise.all(names.map(name => readFile(join(checkpoints, name), 'base64')))
  const rows = (await readMetrics(metrics)).map(({ 'images/s': _, ...row }) => row)
  return { files: names.map((name, i) => [name, files[i]]), rows }
}

test.each<[string, readonly string[]]>([
  ['mctformer_demo', ['train.validateEvery=0', 'model.dropPath=0.3']],
  ['cti_demo', ['train.select=gt-miou']],
  ['weaktr_demo', []],
])(
  '%s learns the same to the last bit while its CAMs are drawn',
  async (recipe, set) => {
    const own = [...set, 'model.imageSize=32']
    const bare = await train(recipe, `${recipe}-bare`, { set: own })
    const { live } = memory()
    const shown = await train(recipe, `${recipe}-shown`, { set: [...own, 'report.tensorboard=true'] })
    expect(memory().live).toBe(live)
    const made = await madeBy(shown)
    expect(made).toEqual(await madeBy(bare))
    expect(made.files.map(([name]) => name)).toEqual(
      expect.arrayContaining(['last.safetensors', 'state.safetensors']),
    )
    expect(existsSync(join(bare.root, 'tensorboard'))).toBe(false)
    const events = await readEvents(shown.events)
    const cams = events.filter(({ image }) => image !== undefined)
    const images = new Set(cams.map(({ tag }) => /^CAMs\/(.+), .+$/.exec(tag)![1]))
    expect(images.size).toBe(12)
    const rows = await readMetrics(shown.metrics)
    const end = set.includes('train.validateEvery=0') ? 'epoch' : 'validation'
    const ends = rows.filter(({ kind }) => kind === end).map(({ step }) => step)
    expect(ends).toHaveLength(2)
    const first = cams.filter(({ step }) => step === ends[0])
    expect(cams.map(({ step, tag }) => [step, tag])).toEqual(
      ends.flatMap(step => first.map(({ tag }) => [step, tag])),
    )
    expect(cams.map(({ image }) => [image!.width, image!.height])).toEqual(cams.map(() => [48, 48]))
    const values = events.filter(({ tag }) => tag === 'loss/total').map(({ value }) => value)
    expect(values).toEqual(
      rows.filter(({ kind }) => kind === 'step').map(({ loss }) => Math.fround(Number(loss))),
    )
  },
  300_000,
)

test('no more than report.images, the longest side 256 pixels; an unreadable one is named and left out', async () => {
  const data = join(root, 'large')
  await generateDemo(data, { images: 6, valImages: 4, size: 300, seed: 3 })
  const set = ['report.tensorboard=true', 'report.images=3', 'model.imageSize=32', 'train.epochs=1']
  const few = await train('mctformer_demo', 'few', { data, set })
  const shown = (await readEvents(few.events)).filter(({ image }) => image !== undefined)
  const ids = [...new Set(shown.map(({ tag }) => /\/(.+), /.exec(tag)![1]!))]
  expect(ids).toHaveLength(3)
  expect(shown[0]!.image).toMatchObject({ width: 256, height: 256 })
  const none = await train('mctformer_demo', 'none', { data, set: [...set, 'report.images=0'] })
  expect((await readEvents(none.events)).filter(({ image }) => image !== undefined)).toEqual([])
  const file = (await readdir(join(data, 'images'))).find(name => name.startsWith(`${ids[0]}.`))!
  await writeFile(join(data, 'images', file), 'no image')
  const left = await train('mctformer_demo', 'left', { data, set: [...set, 'train.validateEvery=0'] })
  const others = (await readEvents(left.events)).filter(({ image }) => image !== undefined)
  expect(new Set(others.map(({ tag }) => /\/(.+), /.exec(tag)![1]!))).toEqual(new Set(ids.slice(1)))
  expect(lines.filter(line => line.includes('example images'))).toHaveLength(1)
}, 300_000)
