import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { generateDemo } from '../../data/index.ts'
import { readImage } from '../../io/image.ts'
import { openRun } from '../open-run.ts'
import { runRecipe } from '../run/run-recipe.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-label-weights-'))
})
afterAll(() => rm(folder, { recursive: true }))

const set = [
  'data.layout=folder',
  'model={backbone: {embedDim: 8, depth: 4, heads: 2}, imageSize: 32, patchSize: 8, headDim: 4}',
  'train={epochs: null, steps: 2, batchSize: 4, losses: {start: 0}, labels: {scales: [1]}, schedule: {kind: poly, warmupSteps: 0}, validateEvery: 0}',
  'maps.scales=[1]',
  'predict={scales: [1], crf: null}',
]

test('weights given for the CAMs label images as in the run that trained them', {
  timeout: 60_000,
}, async () => {
  const data = join(folder, 'data')
  await generateDemo(data, { images: 8, valImages: 2, size: 40 })
  const recipe = join(folder, 'small.yaml')
  const options = { recipe, data, runs: join(folder, 'runs') }
  await writeFile(recipe, 'method: afa\n')
  const trained = await runRecipe({ ...options, set, name: 'trained', stages: ['train'] })
  const weights = join(trained.run.checkpoints, 'last.safetensors')
  const published = [...set, `maps.weights=${weights}`]
  const { run, worked } = await runRecipe({ ...options, set: published, name: 'published' })
  expect(worked).toEqual(['maps', 'evaluate', 'predict', 'result', 'report'])
  const image = await readImage(join(data, 'images', '0001.jpg'))
  const [one, other] = await Promise.all(
    [trained.run.root, run.root].map(async root => {
      using opened = await openRun(root)
      return await opened.predict(image)
    }),
  )
  expect(other!.scores.data).toEqual(one!.scores.data)
})
