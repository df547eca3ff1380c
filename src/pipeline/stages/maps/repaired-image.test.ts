import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { generateDemo } from '../../../data/demo/index.ts'
import { createLog } from '../../../train/log.ts'
import { runRecipe } from '../../run/run-recipe.ts'
import type { StageName } from '../../run/stage.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-repaired-'))
  await generateDemo(join(folder, 'data'), { images: 8, valImages: 1, size: 32 })
})
afterAll(() => rm(folder, { recursive: true }))

async function run(): Promise<{ worked: StageName[]; text: string; maps: string[] }> {
  let text = ''
  const small = [
    'model.width={embedDim: 12, depth: 3, heads: 2}',
    'model.imageSize=32',
    'data.layout=folder',
    'data.valSplit=null',
    'train.epochs=2',
    'train.batchSize=3',
    'refine={method: crf, background: 0.4}',
    'segment={epochs: 1, cropSize: 32, batchSize: 3}',
    'predict.scales=[1]',
    'threads=1',
  ]
  const { run, worked } = await runRecipe({
    recipe: 'mctformer_demo',
    set: [`data.root=${join(folder, 'data')}`, ...small],
    runs: join(folder, 'runs'),
    name: 'one',
    signal: new AbortController().signal,
    log: createLog({
      stream: {
        write: line => {
          text += line
        },
      },
      env: {},
    }),
  })
  return { worked, text, maps: await readdir(run.maps) }
}

test('an image repaired after a run gets what is made of images; the classification network stays as it was trained', {
  timeout: 120_000,
}, async () => {
  const image = join(folder, 'data', 'images', '0003.jpg')
  const whole = await readFile(image)
  await truncate(image, 200)
  const first = await run()
  expect(first.worked).toEqual([
    'train',
    'maps',
    'evaluate',
    'refine',
    'segment',
    'predict',
    'result',
    'report',
  ])
  expect(first.maps).not.toContain('0003.safetensors')
  expect((await run()).worked).toEqual([])
  await writeFile(image, whole)
  const { worked, text, maps } = await run()
  expect(worked).toEqual(['maps', 'evaluate', 'refine', 'segment', 'predict', 'result', 'report'])
  expect(maps).toContain('0003.safetensors')
  expect(text).toContain('maps: resumed, since 0003 can be read now\n')
  expect(text).toContain('train: was run without 0003, which can be read now; it stays (--force reruns it)\n')
  expect((await run()).worked).toEqual([])
})
