/** @file Trained weights from elsewhere: maps are made with them, nothing is trained; an incomplete file is refused. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readSafetensors, writeSafetensors } from '../src/io/safetensors.ts'
import { runRecipe } from '../src/pipeline/run/run-recipe.ts'
import { silentLog } from '../src/train/log.ts'

let folder: string
let published: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-published-'))
  const { run } = await go('own')
  published = join(run.checkpoints, 'last.safetensors')
}, 120_000)

afterAll(() => rm(folder, { recursive: true }))

const SMALL = [
  'data.demo={images: 16, valImages: 4, size: 48, seed: 3}',
  'model.imageSize=48',
  'train.epochs=1',
  'train.batchSize=8',
  'maps.scales=[1]',
  'threads=1',
]

const log = silentLog()

function go(name: string, ...set: string[]) {
  return runRecipe({
    recipe: 'mctformer_demo',
    set: [...SMALL, ...set],
    runs: folder,
    name,
    stages: set.length === 0 ? ['train', 'maps', 'evaluate'] : ['maps', 'evaluate'],
    signal: new AbortController().signal,
    log,
  })
}

test('maps of published weights are those of the run that trained them', { timeout: 60_000 }, async () => {
  const { run, worked } = await go('elsewhere', `maps.weights=${published}`)
  expect(worked).toEqual(['maps', 'evaluate'])
  await expect(stat(run.metrics)).rejects.toThrow('ENOENT')
  expect(await readFile(run.scores, 'utf8')).toBe(await readFile(join(folder, 'own', 'scores.json'), 'utf8'))
})

test('weights that lack parameters are refused, naming them', { timeout: 60_000 }, async () => {
  const { tensors } = await readSafetensors(published)
  const file = join(folder, 'headless.safetensors')
  await writeSafetensors(file, new Map([...tensors].filter(([name]) => !name.startsWith('head.'))))
  await expect(go('headless', `maps.weights=${file}`)).rejects.toThrow(
    `${file} (maps.weights): lacks 2 of the network's parameters: head.weight, head.bias; weights of the trained network`,
  )
})

test('what a file holds besides is named, and a network that computes something else refused', {
  timeout: 120_000,
}, async () => {
  const { tensors } = await readSafetensors(published)
  const [spare] = tensors.values()
  const file = join(folder, 'more.safetensors')
  await writeSafetensors(file, new Map([...tensors, ['mystery.weight', spare!], ['mask_token', spare!]]))
  await go('more', `maps.weights=${file}`)
  expect(log.warnings).toContain(`${file}: nothing here uses mystery.weight, and what they do is not known`)
  const scores = join(folder, 'more', 'scores.json')
  expect(await readFile(scores, 'utf8')).toBe(await readFile(join(folder, 'own', 'scores.json'), 'utf8'))
  await writeSafetensors(file, new Map([...tensors, ['register_tokens', spare!]]))
  await expect(go('other', `maps.weights=${file}`)).rejects.toThrow(
    `${file} (register_tokens): weights of a network that computes something else: register_tokens: register tokens take part in every attention`,
  )
})
