import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest'
import { packageRoot } from '../../io/package-root.ts'
import { loadRecipe } from '../recipe/load.ts'
import { ablate } from './ablate.ts'
import { readAblationFile } from './ablation-file.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-ablation-file-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

async function write(text: string, name = 'mine.yaml'): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, text)
  return file
}

test('every bundled ablation changes a bundled recipe in ways that it allows, each in its own', async () => {
  const files = await readdir(join(packageRoot(), 'recipes', 'ablations'))
  expect(files.length).toBeGreaterThan(0)
  for (const name of files.map(file => file.replace(/\.yaml$/, ''))) {
    const ablation = await readAblationFile(name)
    expect(ablation?.name).toBe(name)
    const { recipe, set, variants } = ablation!
    const loaded = await Promise.all(
      variants.map(async one => (await loadRecipe(recipe, { set: [...set, ...one.set] })).recipe),
    )
    expect(new Set(loaded.map(recipe => JSON.stringify(recipe))).size, name).toBe(variants.length)
  }
})

test('an ablation of SemFormer trains its autoencoder once, and the seeds of the file are taken', {
  timeout: 120_000,
}, async () => {
  const set = [
    'model={width: {embedDim: 12, depth: 2, heads: 2}, imageSize: 32, patchSize: 8, classDim: 8}',
    'data.demo={images: 6, valImages: 1, size: 32}',
    'data.valSplit=null',
    'data.workers=1',
    'autoencoder={width: {embedDim: 12, depth: 2, heads: 2}, imageSize: 32, decoder: {width: 12, depth: 1}, epochs: 1, batchSize: 3}',
    'train={epochs: 1, batchSize: 3}',
    'maps={scales: [1], craLayers: 1}',
  ]
  const file = await write(
    'recipe: semformer_demo\nseeds: [4]\nvariants: { all: {}, no-cra: { maps.cra: false }, no-guide: { train.losses.foreground: 0 } }',
  )
  const { ablation } = await ablate({ recipe: file, set, runs: folder })
  expect(ablation.rows.map(({ variant, metric, seeds }) => [variant, metric, seeds])).toEqual(
    ['all', 'no-cra', 'no-guide'].map(name => [name, 'seed', [4]]),
  )
  const marker = await readFile(
    join(folder, 'ablate-mine', 'no-guide-seed4', 'stages', 'autoencoder.json'),
    'utf8',
  )
  expect(JSON.parse(marker)).toMatchObject({ state: 'done', takenFrom: '../all-seed4' })
})

describe('a file of variants', () => {
  it('names a recipe, what all variants share, seeds and variants', async () => {
    const file = await write(
      'recipe: cti_demo\nset: { train.epochs: 2 }\nseeds: [3]\nvariants: { a: {}, b: { maps.scales: [1, 2], train.losses.intra: 0 } }',
    )
    expect(await readAblationFile(file)).toEqual({
      name: 'mine',
      recipe: 'cti_demo',
      set: ['train.epochs=2'],
      seeds: [3],
      variants: [
        { name: 'a', set: [] },
        { name: 'b', set: ['maps.scales=[1,2]', 'train.losses.intra=0'] },
      ],
    })
  })

  it('takes a recipe that lies beside it', async () => {
    const recipe = await write('method: cti', 'small.yaml')
    expect((await readAblationFile(await write('recipe: small.yaml\nvariants: { a: {} }')))?.recipe).toBe(
      recipe,
    )
  })

  it('is told from a recipe and from a name', async () => {
    expect(await readAblationFile(await write('method: cti'))).toBeUndefined()
    expect(await readAblationFile('cti_demo')).toBeUndefined()
    expect(await readAblationFile('no-such-name')).toBeUndefined()
    await expect(readAblationFile('cti-component')).rejects.toThrow(
      'cti-component: there is no such recipe or file of variants; did you mean cti-components?',
    )
  })

  test.for([
    ['variants: { a: {} }', /mine\.yaml \(recipe\): /],
    ['recipe: cti_demo\nvariants: {}', /mine\.yaml \(variants\): has no variant/],
    [
      'recipe: cti_demo\nvariants: { ../a: {} }',
      /mine\.yaml \(variants\): letters, digits and \. _ \+ - make a name/,
    ],
    ['recipe: cti_demo\nvariants: { a: {} }\nseed: 1', /mine\.yaml: unrecognized key: "seed"/],
    ['recipe: cti_demo\nvariants: { a: {} }\nseeds: [-1]', /mine\.yaml \(seeds\.0\): /],
  ] as const)('%s is refused', async ([text, message]) => {
    await expect(readAblationFile(await write(text))).rejects.toThrow(message)
  })

  it('is refused before anything runs where its recipe has no such key or value', async () => {
    const wrong = async (change: string) =>
      ablate({ recipe: await write(`recipe: cti_demo\nvariants: { a: { ${change} } }`), runs: folder })
    await expect(wrong('train.epoch: 3')).rejects.toThrow(
      'variant a: --set train.epoch=3: there is no key train.epoch; did you mean train.epochs?',
    )
    await expect(wrong('train.epochs: many')).rejects.toThrow(/variant a: .*train\.epochs.*"many"/)
    expect(await readdir(folder)).toEqual(['mine.yaml'])
  })
})
