import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { generateDemo } from '../../../data/demo/index.ts'
import { readSafetensors } from '../../../io/safetensors.ts'
import { checkpointFiles } from '../../../train/checkpoint.ts'
import { createLog } from '../../../train/log.ts'
import { readMetrics } from '../../../train/metrics.ts'
import { runFolder } from '../../run/run-folder.ts'
import { runRecipe } from '../../run/run-recipe.ts'
import { Interrupted, type StageName } from '../../run/stage.ts'

let folder = ''
let lines: string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-select-'))
  await generateDemo(join(folder, 'data'), { images: 12, valImages: 2, size: 32, seed: 3 })
})

afterAll(() => rm(folder, { recursive: true }))

const SET = [
  'data.layout=folder',
  'model.imageSize=32',
  'train.epochs=3',
  'train.batchSize=6',
  'train.validateEvery=1',
  'train.select=gt-miou',
  'maps.checkpoint=best',
  'maps.scales=[1]',
  'precision=fp32',
  'threads=1',
]

function run(
  name: string,
  { stages, set = [], abortAt }: { stages: readonly StageName[]; set?: readonly string[]; abortAt?: string },
) {
  lines = []
  const stop = new AbortController()
  const write = (text: string): void => {
    lines.push(text)
    if (abortAt !== undefined && text.includes(abortAt)) stop.abort()
  }
  return runRecipe({
    recipe: 'mctformer_demo',
    set: [...SET, `data.root=${join(folder, 'data')}`, ...set],
    runs: folder,
    name,
    stages,
    withChanges: true,
    signal: stop.signal,
    log: createLog({ stream: { write, isTTY: abortAt !== undefined, columns: 120 }, env: {} }),
  })
}

test('keeps the weights whose maps fit the masks best, says so, and what maps score is what was seen', async () => {
  await run('whole', { stages: ['train', 'maps', 'evaluate'] })
  expect(lines.join('')).toContain(
    'warning: weights are chosen by the masks of 12 images of train (train.select gt-miou): the result no longer rests on tags alone',
  )
  const at = runFolder(join(folder, 'whole'))
  const found = (await readMetrics(at.metrics)).filter(({ kind }) => kind === 'validation')
  expect(found.map(({ epoch }) => epoch)).toEqual([0, 1, 2])
  expect(found[0]).toHaveProperty('mAP class-wise')
  const values = found.map(record => Number(record['gt-mIoU']))
  const { metadata } = await readSafetensors(checkpointFiles(at.checkpoints).best)
  expect(Number(metadata['gt-mIoU'])).toBe(Math.max(...values))
  expect(metadata.epoch).toBe(String(values.indexOf(Math.max(...values)) + 1))
  const { scores } = JSON.parse(await readFile(at.scores, 'utf8'))
  expect(scores[0].miou).toBeCloseTo(Math.max(...values), 1) // maps are stored with 16 bits
})

test('stopped while it validates, it resumes without repeating a step and ends with the same weights', async () => {
  const stopped = run('stopped', { stages: ['train'], abortAt: 'maps to choose weights by' })
  await expect(stopped).rejects.toThrow(Interrupted)
  await run('stopped', { stages: ['train'] })
  expect(lines.join('')).toContain('resumed at epoch 1, batch 3')
  const [whole, resumed] = ['whole', 'stopped'].map(name => runFolder(join(folder, name)))
  for (const which of ['last', 'best'] as const) {
    const [there, here] = await Promise.all(
      [whole, resumed].map(at => readFile(checkpointFiles(at!.checkpoints)[which])),
    )
    expect(here!.equals(there!)).toBe(true)
  }
  const places = async (file: string) =>
    (await readMetrics(file)).map(({ kind, step, loss }) => [kind, step, loss])
  expect(await places(resumed!.metrics)).toEqual(await places(whole!.metrics))
})

test('what maps do not depend on at scale 1 asks for no new choice', async () => {
  await run('whole', { stages: ['train', 'maps'], set: ['maps.scales=[1, 1.5]', 'evaluate.threshold=0.3'] })
  expect(lines.join('')).toContain('train: done before')
  await run('whole', { stages: ['train'], set: ['maps.attention=fused', 'train.epochs=1'] })
  expect(lines.join('')).not.toContain('train: done before')
})

test('without masks it is refused before anything is trained', async () => {
  const bare = join(folder, 'bare')
  await generateDemo(bare, { images: 6, valImages: 1, size: 32, seed: 3 })
  await rm(join(bare, 'masks'), { recursive: true })
  const none = run('none', { stages: ['train'], set: [`data.root=${bare}`] })
  await expect(none).rejects.toThrow(
    /bare \(train.select\): no image of train has a mask to choose weights by/,
  )
})
