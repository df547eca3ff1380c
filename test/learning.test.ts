/**
 * @file CAMs come from learning: with shuffled tags the same training scores much lower.
 * Small here; TAGMASK_LEARNING=full runs the demo as shipped (two trainings of four minutes).
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDataset } from '../src/data/dataset.ts'
import { generateDemo } from '../src/data/demo/index.ts'
import { randomStream, shuffledIndices } from '../src/data/random.ts'
import type { ScoreRecord } from '../src/evaluate/index.ts'
import { existingRunFolder } from '../src/pipeline/run/run-folder.ts'
import { runRecipe } from '../src/pipeline/run/run-recipe.ts'
import { evaluateStage } from '../src/pipeline/stages/evaluate/evaluate.ts'
import { mapsStage } from '../src/pipeline/stages/maps/maps.ts'
import { silentLog } from '../src/train/log.ts'
import { readMetrics } from '../src/train/metrics.ts'

const FULL = process.env.TAGMASK_LEARNING === 'full'
/** The demo's own images, or fewer and smaller ones; how far the score must fall, in points of mIoU. */
const { images, fall, set } = FULL
  ? { images: { images: 1000, valImages: 0, size: 96, seed: 7 }, fall: 10, set: [] }
  : {
      images: { images: 320, valImages: 0, size: 48, seed: 7 },
      fall: 5,
      set: [
        'model.imageSize=48',
        'train.epochs=14',
        'train.batchSize=16',
        'maps.scales=[1]',
        'precision=fp32',
      ],
    }

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-learning-'))
})

afterAll(() => rm(folder, { recursive: true }))

interface Outcome {
  readonly score: number
  /** Mean class loss of the first and of the last epoch. */
  readonly firstLoss: number
  readonly lastLoss: number
}

/** Trains the demo recipe on the data set `name`; its CAMs are made and scored with the true tags in both cases. */
async function trainAndScore(name: string): Promise<Outcome> {
  const signal = new AbortController().signal
  const log = silentLog()
  const { run } = await runRecipe({
    recipe: 'mctformer_demo',
    set: ['data.layout=folder', 'data.valSplit=null', ...set, `data.root=${join(folder, name)}`],
    runs: folder,
    name: `run-${name}`,
    stages: ['train'],
    signal,
    log,
  })
  const { recipe } = await existingRunFolder(run.root)
  const dataset = await openDataset(join(folder, 'true'), { split: 'train' })
  const context = {
    recipe: { ...recipe, data: { ...recipe.data, root: dataset.root } },
    dataset,
    valDataset: undefined,
    run,
    signal,
    log,
  }
  await mapsStage(context)
  await evaluateStage(context)
  const { scores } = JSON.parse(await readFile(run.scores, 'utf8')) as { scores: ScoreRecord[] }
  const losses = (await readMetrics(run.metrics))
    .filter(({ kind }) => kind === 'epoch')
    .map(record => Number(record['class loss']))
  expect(scores[0]!.metric).toBe('seed')
  return { score: scores[0]!.miou, firstLoss: losses[0]!, lastLoss: losses.at(-1)! }
}

/** The same images and masks; every image gets the tags of another. */
async function shuffleTags(root: string): Promise<void> {
  const [header, ...rows] = (await readFile(join(root, 'tags.csv'), 'utf8')).trim().split('\n')
  const cells = rows.map(row => row.split(','))
  const order = shuffledIndices(rows.length, randomStream(1))
  const shuffled = cells.map(([file], i) => `${file},${cells[order[i]!]!.slice(1).join(',')}`)
  await writeFile(join(root, 'tags.csv'), `${[header, ...shuffled].join('\n')}\n`)
}

test('tags teach where things are; shuffled tags do not', { timeout: 1_800_000 }, async () => {
  await generateDemo(join(folder, 'true'), images)
  await generateDemo(join(folder, 'shuffled'), images)
  await shuffleTags(join(folder, 'shuffled'))
  const learned = await trainAndScore('true')
  const lost = await trainAndScore('shuffled')
  if (FULL)
    console.log(`seed mIoU with true tags ${learned.score.toFixed(2)}, shuffled ${lost.score.toFixed(2)}`)
  expect(learned.lastLoss).toBeLessThan(0.8 * learned.firstLoss)
  expect(learned.score - lost.score).toBeGreaterThan(fall)
})
