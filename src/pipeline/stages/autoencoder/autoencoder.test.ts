import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { generateDemo } from '../../../data/demo/index.ts'
import { readImage } from '../../../io/image.ts'
import { createLog } from '../../../train/log.ts'
import { readMetrics } from '../../../train/metrics.ts'
import { runFolder } from '../../run/run-folder.ts'
import { runRecipe } from '../../run/run-recipe.ts'
import { Interrupted } from '../../run/stage.ts'
import { readMarker } from '../../run/stage-marker.ts'

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
  'maps.craLayers=2',
  'maps.scales=[1]',
  'refine.method=none',
  'precision=fp32',
  'threads=1',
]
let root: string
let data: string
let lines: string[]

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tagmask-autoencoder-'))
  data = join(root, 'data')
  await generateDemo(data, { images: 9, valImages: 0, size: 48, seed: 3 })
})
afterAll(() => rm(root, { recursive: true }))
beforeEach(() => {
  lines = []
})

async function run(
  name: string,
  set: readonly string[] = [],
  {
    stages,
    after = Number.POSITIVE_INFINITY,
    changes = false,
  }: { stages?: string[]; after?: number; changes?: boolean } = {},
): Promise<void> {
  const stop = new AbortController()
  const write = (text: string): void => {
    lines.push(text.trimEnd())
    if (lines.length >= after) stop.abort()
  }
  await runRecipe({
    recipe: 'semformer_demo',
    set: [...SMALL, `data.root=${data}`, ...set],
    runs: root,
    name,
    ...(stages && { stages }),
    ...(changes && { withChanges: true }),
    signal: stop.signal,
    log: createLog({ stream: { write }, env: {} }),
  })
}

const heard = (start: string): string[] => lines.filter(line => line.startsWith(start))
const bytes = (name: string, file: string): Promise<Buffer> => readFile(join(root, name, file))
const WEIGHTS = [
  'autoencoder/last.safetensors',
  'autoencoder/best.safetensors',
  'checkpoints/last.safetensors',
]

test('one command trains both networks, shows reconstructions, and has nothing to do once more', async () => {
  await run('whole')
  const folder = runFolder(join(root, 'whole'))
  for (const file of WEIGHTS) expect((await bytes('whole', file)).length).toBeGreaterThan(1000)
  const records = await readMetrics(folder.autoencoderMetrics)
  const kinds = records.map(({ kind }) => kind)
  expect(kinds.filter(kind => kind === 'validation')).toHaveLength(2)
  expect(records.at(-1)).toMatchObject({ kind: 'validation', 'mAP per image, cut': expect.any(Number) })
  expect(Object.keys(records.find(({ kind }) => kind === 'epoch')!)).toContain('reconstruction loss')
  const { width, height } = await readImage(folder.reconstructions)
  expect([width, height]).toEqual([8 * 32, 2 * 32])
  expect((await bytes('whole', 'report.html')).toString()).toContain('images above their reconstructions')
  expect(await readdir(folder.maps)).toHaveLength(9)
  lines = []
  await run('whole')
  expect(heard('autoencoder: done before')).toHaveLength(1)
  expect(heard('train: done before')).toHaveLength(1)
}, 300_000)

test('where no reconstruction is learned, none is shown', async () => {
  await run('blind', ['autoencoder.losses.reconstruction=0', 'autoencoder.epochs=1', 'train.epochs=1'])
  await expect(readFile(runFolder(join(root, 'blind')).reconstructions)).rejects.toThrow(/ENOENT/)
  expect((await bytes('blind', 'report.html')).toString()).not.toContain('their reconstructions')
}, 300_000)

test('CAMs of a trained network need no autoencoder', async () => {
  await run('elsewhere', [`maps.weights=${join(root, 'whole/checkpoints/last.safetensors')}`], {
    stages: ['maps'],
  })
  const { maps, autoencoderMetrics } = runFolder(join(root, 'elsewhere'))
  const [file] = await readdir(maps)
  expect(await bytes('elsewhere', `maps/${file}`)).toEqual(await bytes('whole', `maps/${file}`))
  await expect(readFile(autoencoderMetrics)).rejects.toThrow(/ENOENT/)
}, 300_000)

test('stopped at any moment, a run ends with the same weights', async () => {
  let stops = 0
  for (let after = 3; stops < 12; after += 3) {
    lines = []
    const ended = await run('stopped', ['autoencoder.checkpointSteps=1', 'autoencoder.logEvery=1'], {
      stages: ['autoencoder', 'train'],
      after,
    }).then(
      () => true,
      (error: unknown) => {
        if (!(error instanceof Interrupted)) throw error
        stops++
        return false
      },
    )
    if (ended) break
  }
  expect(stops).toBeGreaterThan(0)
  for (const file of WEIGHTS) expect(await bytes('stopped', file), file).toEqual(await bytes('whole', file))
}, 300_000)

test('a trained autoencoder from a file is used as it is', async () => {
  const file = join(root, 'whole/autoencoder/best.safetensors')
  await run('given', [`autoencoder.weights=${file}`], { stages: ['autoencoder', 'train'] })
  expect(heard('autoencoder: the file holds all of it, so that nothing is trained')).toHaveLength(1)
  const { autoencoderMetrics } = runFolder(join(root, 'given'))
  await expect(readFile(autoencoderMetrics)).rejects.toThrow(/ENOENT/)
  expect(await bytes('given', WEIGHTS[2]!)).toEqual(await bytes('whole', WEIGHTS[2]!))
}, 300_000)

test('a change of the autoencoder reruns it and what it guides; of its checkpoint, only the latter', async () => {
  const stages = { stages: ['autoencoder', 'train'], changes: true }
  const revisions = async (): Promise<(string | undefined)[]> => {
    const folder = runFolder(join(root, 'given'))
    const markers = await Promise.all(['autoencoder', 'train'].map(name => readMarker(folder, name)))
    return markers.map(marker => JSON.stringify(marker))
  }
  const file = `autoencoder.weights=${join(root, 'whole/autoencoder/best.safetensors')}`
  const before = await revisions()
  await run('given', [file, 'autoencoder.checkpoint=last'], stages)
  const between = await revisions()
  expect(between[0]).toBe(before[0])
  expect(between[1]).not.toBe(before[1])
  await run('given', ['autoencoder.losses.reconstruction=0.5', 'autoencoder.epochs=1'], stages)
  const after = await revisions()
  expect(after[0]).not.toBe(between[0])
  expect(after[1]).not.toBe(between[1])
}, 300_000)
