import { existsSync, renameSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { generateDemo } from '../../../data/demo/index.ts'
import { InputError } from '../../../errors.ts'
import { checkpointFiles } from '../../../train/checkpoint-files.ts'
import { createLog } from '../../../train/log.ts'
import { readMetrics } from '../../../train/metrics.ts'
import { parseRecipe } from '../../recipe/load.ts'
import { runFolder } from '../../run/run-folder.ts'
import { runRecipe } from '../../run/run-recipe.ts'
import { readMarker } from '../../run/stage-marker.ts'

const IMAGES = 12
const SMALL = [
  'data.layout=folder',
  'data.valSplit=null',
  'model.imageSize=32',
  'model.width={embedDim: 16, depth: 3, heads: 2}',
  'train.epochs=3',
  'precision=fp32',
  'threads=1',
]
let root: string
let data: string
let originals: Map<string, Buffer>
let lines: string[]

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tagmask-train-stage-'))
  data = join(root, 'data')
  await generateDemo(data, { images: IMAGES, valImages: 0, size: 32, seed: 3 })
  const files = await readdir(join(data, 'images'))
  originals = new Map(
    await Promise.all(
      files.map(async name => [name, await readFile(join(data, 'images', name))] as [string, Buffer]),
    ),
  )
})
afterAll(() => rm(root, { recursive: true }))
beforeEach(() => {
  lines = []
})

/** `tagmask train mctformer_demo` on the images. */
async function train(name: string, set: readonly string[] = []) {
  const log = createLog({ stream: { write: text => lines.push(text.trimEnd()) }, env: {} })
  await runRecipe({
    recipe: 'mctformer_demo',
    set: [...SMALL, `data.root=${data}`, ...set],
    runs: root,
    name,
    stages: ['train'],
    signal: new AbortController().signal,
    log,
  })
}

/** Spoils the bytes of so many images for the time of `work`. */
async function spoiled(count: number, work: () => Promise<void>): Promise<void> {
  const names = [...originals.keys()].slice(0, count)
  for (const name of names) await writeFile(join(data, 'images', name), 'no image')
  try {
    await work()
  } finally {
    for (const name of names) await writeFile(join(data, 'images', name), originals.get(name)!)
  }
}

const weights = (name: string): Promise<Buffer> => readFile(join(root, name, 'checkpoints/last.safetensors'))
const heard = (start: string): string[] => lines.filter(line => line.startsWith(start))

test('a bundled recipe fits itself to twelve images; the same command takes the run up', async () => {
  await train('fitted', ['train.epochs=1', 'train.steps=13'])
  expect(heard('train:')).toEqual([
    'train: batches of 2 instead of 32, since there are 12 images; none is left out of an epoch',
    'train: 3 epochs of 6 steps, to have 13 steps or more',
    expect.stringMatching(/^train: done in \d+ s$/),
  ])
  expect(heard('warning: TRAINING STARTS FROM RANDOM WEIGHTS')).toHaveLength(1)
  const { recipe: file, metrics, root: run } = runFolder(join(root, 'fitted'))
  const { train: section } = parseRecipe(await readFile(file, 'utf8'), file)
  expect([section.batchSize, section.dropLast, section.steps]).toEqual([2, false, 13])
  expect((await readMetrics(metrics)).at(-1)).toMatchObject({ kind: 'epoch', step: 17, epoch: 2 })
  lines = []
  await train('fitted', ['train.epochs=1', 'train.steps=13'])
  expect(heard('train: done before')).toHaveLength(1)
  expect(heard('warning: TRAINING STARTS')).toEqual([])
  expect((await stat(run)).isDirectory()).toBe(true)
})

test('by steps, with SGD, a poly schedule and padded crops: as long as asked, and the same once more', async () => {
  const steps = [
    'train.epochs=null',
    'train.steps=15',
    'train.optimiser={kind: sgd, lr: 0.01, lrBatch: null, nesterov: true}',
    'train.schedule={kind: poly, warmupSteps: 3}',
    'train.augment={kind: padded-crop, scale: [0.5, 1.5], jitter: {}, padding: mean}',
    'train.batchSize=4',
    'train.logEvery=1',
  ]
  await train('steps', steps)
  const records = await readMetrics(runFolder(join(root, 'steps')).metrics)
  const rates = records.flatMap(({ kind, lr }) => (kind === 'step' ? [lr as number] : []))
  expect(rates).toHaveLength(15)
  expect(rates[0]).toBeCloseTo(1e-8, 12)
  expect(rates[14]).toBeCloseTo(0.01 * (1 / 15) ** 0.9, 10)
  const losses = records.flatMap(({ kind, loss }) => (kind === 'epoch' ? [loss as number] : []))
  expect(losses).toHaveLength(5)
  expect(losses.at(-1)).toBeLessThan(losses[0]!)
  await train('steps-again', [...steps, 'train.checkpointSteps=2'])
  expect(await weights('steps-again')).toEqual(await weights('steps'))
})

test('images that all are spoiled: the stage is not done, and leaves no weights', async () => {
  await spoiled(IMAGES, async () => {
    await expect(train('spoiled')).rejects.toThrow(
      new InputError('train', '8 of 12 images could not be used, as named above', {
        field: 'data.maxLost',
        expected:
          'at most 50 % may be lost: fix what is named above (is their folder there and readable?) and resume with the same command, or raise data.maxLost',
      }),
    )
    await expect(train('spoiled', ['data.maxLost=1'])).rejects.toThrow(
      /^train \(data\.maxLost\): 12 of 12 images/,
    )
  })
  expect((await readMarker(runFolder(join(root, 'spoiled')), 'train'))?.state).toBe('running')
  await expect(weights('spoiled')).rejects.toThrow(/ENOENT/)
  await train('spoiled')
  await train('never')
  expect(await weights('spoiled')).toEqual(await weights('never'))
})

test('some that are spoiled are named once and counted once', async () => {
  await spoiled(3, () => train('some'))
  const told = heard('warning: train:')
  expect(told).toHaveLength(1)
  expect(told[0]).toMatch(
    /^warning: train: 3 images could not be used: .*; each with its cause in .*lost-images\.txt/,
  )
  const all = await readFile(runFolder(join(root, 'some')).lostImages, 'utf8')
  expect(all.match(/^train\t/gm)).toHaveLength(3)
})

test('a folder that goes away: the training ends with its state, and the same command ends as if it had stayed', async () => {
  const images = join(data, 'images')
  const { state } = checkpointFiles(runFolder(join(root, 'away')).checkpoints)
  const watch = setInterval(() => {
    if (!existsSync(state)) return // the first epoch is not over
    clearInterval(watch)
    renameSync(images, join(data, 'away'))
  }, 1)
  const long = ['train.epochs=40', 'data.cacheMegabytes=0']
  await expect(train('away', long)).rejects.toThrow(
    /cannot be opened any more, nor can any other image that was tried/,
  )
  await rename(join(data, 'away'), images)
  lines = []
  await train('away', long)
  expect(heard('train: resumed at epoch')).toHaveLength(1)
  await train('stayed', long)
  expect(await weights('away')).toEqual(await weights('stayed'))
}, 300_000)
