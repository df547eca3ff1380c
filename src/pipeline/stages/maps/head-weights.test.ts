import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { HeadWeights } from '../../../methods/index.ts'
import { silentLog } from '../../../train/log.ts'
import type { RunFolder } from '../../run/run-folder.ts'
import { runRecipe } from '../../run/run-recipe.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-heads-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** The smallest WeakTr on six generated images of 32 pixels, trained for two steps. */
async function run(name: string, ...set: string[]): Promise<RunFolder> {
  const small = [
    'model.width={embedDim: 12, depth: 3, heads: 2}',
    'model.fusion={kind: aaf, reduction: 2, featReduction: 2}',
    'model.imageSize=32',
    'data.demo={images: 6, valImages: 1, size: 32}',
    'data.valSplit=null',
    'data.workers=1',
    'train.epochs=1',
    'train.batchSize=3',
    'maps.scales=[1, 1.5]',
    'refine.method=none',
    'segment=null',
  ]
  const { run } = await runRecipe({
    recipe: 'weaktr_demo',
    set: [...small, ...set],
    runs: folder,
    name,
    stages: ['train', 'maps', 'evaluate', 'report'],
    signal: new AbortController().signal,
    log: silentLog(),
  })
  return run
}

test('the stage maps leaves the weights of the heads, and the report shows them', async () => {
  const { headWeights, maps, report } = await run('aaf')
  const weights = JSON.parse(await readFile(headWeights, 'utf8')) as HeadWeights
  const samples = (await readdir(maps)).length
  expect(weights.views).toBe(samples * 2 * 2) // scales, flips
  expect(weights.mean.map(layers => layers.length)).toEqual([3, 3])
  expect(weights.mean.flat().every(weight => weight > 0 && weight < 1)).toBe(true)
  expect(await readFile(report, 'utf8')).toContain('<title>layer 3, head 2: ')
})

test('nothing is left where all heads count the same', async () => {
  const { headWeights, report } = await run('mean-sum', 'model.fusion={kind: mean-sum}')
  expect(existsSync(headWeights)).toBe(false)
  expect(await readFile(report, 'utf8')).not.toContain('Attention heads')
})
