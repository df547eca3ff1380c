import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readEvents } from '../../../test/read-events.ts'
import { generateDemo } from '../../data/demo/index.ts'
import { createLog } from '../../train/log.ts'
import { readMetrics } from '../../train/metrics.ts'
import { runFolder } from '../run/run-folder.ts'
import { runRecipe } from '../run/run-recipe.ts'
import { roundFiles } from '../stages/segment/round-scores.ts'

const SMALL = [
  'data.layout=folder',
  'data.valSplit=null',
  'model.width={embedDim: 16, depth: 2, heads: 2}',
  'model.imageSize=32',
  'model.classDim=16',
  'autoencoder.width={embedDim: 16, depth: 2, heads: 2}',
  'autoencoder.imageSize=32',
  'autoencoder.decoder.width=16',
  'autoencoder.epochs=2',
  'autoencoder.validateEvery=1',
  'autoencoder.batchSize=4',
  'train.epochs=2',
  'train.batchSize=4',
  'maps={craLayers: 2, scales: [1]}',
  'refine={method: affinity, walk: {logt: 2}}',
  'affinity={backbone: model, cropSize: 32, epochs: 2, batchSize: 4}',
  'segment={backbone: model, cropSize: 32, epochs: 2, batchSize: 4, retrain: {rounds: 1, scales: [1]}}',
  'precision=fp32',
  'threads=1',
]
let root: string
let lines: string[]

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tagmask-tensorboard-'))
  await generateDemo(join(root, 'data'), { images: 12, valImages: 0, size: 32, seed: 3 })
})
afterAll(() => rm(root, { recursive: true }))

async function runToSegment(set: readonly string[]): Promise<void> {
  lines = []
  await runRecipe({
    recipe: 'semformer_demo',
    set: [...SMALL, `data.root=${join(root, 'data')}`, ...set],
    runs: root,
    name: 'run',
    stages: ['autoencoder', 'train', 'maps', 'evaluate', 'affinity', 'refine', 'segment'],
    withChanges: true,
    signal: new AbortController().signal,
    log: createLog({ stream: { write: text => lines.push(text.trimEnd()) }, env: {} }),
  })
}

/** Folders with events, relative to that of the run. */
async function foldersOf(run: string): Promise<string[]> {
  const files = await readdir(run, { recursive: true, withFileTypes: true })
  const events = files.filter(({ name }) => name.includes('tfevents'))
  return events.map(({ parentPath }) => relative(run, parentPath)).sort()
}

test('each training of a run is one of its own, with every number of its metrics', async () => {
  await runToSegment(['report.tensorboard=true'])
  const run = runFolder(join(root, 'run'))
  const round = roundFiles(run, 1)
  const trainings = [
    [run.autoencoderEvents, run.autoencoderMetrics],
    [run.events, run.metrics],
    [run.affinityEvents, run.affinityMetrics],
    [round.events, round.metrics],
    [run.segmentEvents, run.segmentMetrics],
  ] as const
  const names = ['affinity', 'autoencoder', 'segment', 'segment/round-1', 'train']
  expect(await foldersOf(run.root)).toEqual(names.map(name => join('tensorboard', name)))
  for (const [events, metrics] of trainings) {
    const rows = await readMetrics(metrics)
    expect(rows.length).toBeGreaterThan(2)
    const numbers = rows.flatMap(({ kind, step, ...row }) =>
      Object.entries(row)
        .filter(([name]) => name !== 'epoch' || kind === 'step')
        .map(([, value]) => [step, Math.fround(Number(value))]),
    )
    const shown = (await readEvents(events)).filter(({ value }) => value !== undefined)
    expect(shown.map(({ step, value }) => [step, value])).toEqual(numbers)
  }
  await runToSegment(['report.tensorboard=false'])
  for (const stage of ['autoencoder', 'train', 'affinity', 'segment'])
    expect(lines.some(line => line.startsWith(`${stage}: done before`))).toBe(true)
  await runToSegment(['report.tensorboard=true', 'segment.headFactor=2'])
  const old = ['segment.old-1', 'segment.old-1/round-1'].map(name => join('tensorboard', name))
  expect(await foldersOf(run.root)).toEqual([...names.map(name => join('tensorboard', name)), ...old].sort())
}, 300_000)
