import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readSafetensors } from '../../../io/safetensors.ts'
import { toFloat32Array } from '../../../io/tensor-data.ts'
import { silentLog } from '../../../train/log.ts'
import type { RunFolder } from '../../run/run-folder.ts'
import { runRecipe } from '../../run/run-recipe.ts'
import { readTokenPlots } from '../report/token-plots.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-tokens-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** The smallest network of a method on twelve generated images of 32 pixels, trained for three steps. */
async function run(recipe: string, ...set: string[]): Promise<RunFolder> {
  const small = [
    'model.imageSize=32',
    'data.demo={images: 12, valImages: 1, size: 32}',
    'data.valSplit=null',
    'data.workers=1',
    'train.epochs=1',
    'train.batchSize=4',
    'maps.scales=[1]',
    'refine.method=none',
    'segment=null',
  ]
  const { run } = await runRecipe({
    recipe,
    set: [...small, ...set],
    runs: folder,
    name: recipe,
    stages: [
      ...(recipe === 'semformer_demo' ? (['autoencoder'] as const) : []),
      'train',
      'maps',
      'evaluate',
      'report',
    ],
    signal: new AbortController().signal,
    log: silentLog(),
  })
  return run
}

const WIDTH = 'model.width={embedDim: 12, depth: 3, heads: 2}'

test.for([
  ['mctformer_demo', [WIDTH]],
  ['weaktr_demo', [WIDTH, 'model.fusion={kind: aaf, reduction: 2, featReduction: 2}']],
  ['cti_demo', [WIDTH]],
  [
    'semformer_demo',
    [
      WIDTH,
      'maps.craLayers=2',
      'model.classDim=8',
      'autoencoder={width: {embedDim: 12, depth: 2, heads: 2}, imageSize: 32, decoder: {width: 12, depth: 1}, epochs: 1, batchSize: 4}',
    ],
  ],
] as const)('%s keeps its class tokens, and the report plots them', async ([recipe, set]) => {
  const { classTokens, report } = await run(recipe, ...set)
  const { tensors, metadata } = await readSafetensors(classTokens)
  const { shape } = tensors.get('tokens')!
  const classes = JSON.parse(metadata.classes!) as number[]
  expect(shape).toEqual([classes.length, 3, 12])
  expect(classes.length).toBeGreaterThanOrEqual(12)
  const values = toFloat32Array(tensors.get('tokens')!)
  expect(values.every(Number.isFinite)).toBe(true)

  const plots = (await readTokenPlots(classTokens))!
  expect(plots.layers).toHaveLength(3)
  for (const { silhouette, pca, tsne } of plots.layers) {
    expect(Math.abs(silhouette)).toBeLessThanOrEqual(1)
    expect(pca).toHaveLength(classes.length)
    expect(tsne.flat().every(Number.isFinite)).toBe(true)
  }
  expect(await readTokenPlots(classTokens)).toEqual(plots)
  const page = await readFile(report, 'utf8')
  expect(page).toContain(`block 3: ${plots.layers[2]!.silhouette.toFixed(2)}`)
})

test('a method without class tokens leaves none', async () => {
  const { classTokens, report } = await run('cam_demo', WIDTH)
  expect(existsSync(classTokens)).toBe(false)
  expect(await readFile(report, 'utf8')).not.toContain('Class tokens')
})
