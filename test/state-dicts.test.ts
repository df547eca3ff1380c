/** @file Every published network has the names and shapes of its list; those of methods with tests of their own are compared there. */
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Mctformer } from '../src/methods/mctformer/index.ts'
import { resnet38Backbone } from '../src/models/dense-backbone.ts'
import { DilatedHead, segmentationNetwork } from '../src/models/segmentation/index.ts'
import { deit } from '../src/models/vit/index.ts'
import type { Module } from '../src/nn/index.ts'
import { affinityNet } from '../src/refine/affinity/index.ts'
import { repository } from './source-files.ts'

const lists = join(repository, 'test/parity/names')
const published = join(repository, '../shared/specs/params')

const mctformer = (variant: 'v1' | 'v2' | 'plus') => () =>
  new Mctformer({ ...deit['deit-s'], variant, numClasses: 20, imageSize: variant === 'plus' ? 448 : 224 })

const NETWORKS: Readonly<Record<string, () => Module>> = {
  mctformer_v1_C20: mctformer('v1'),
  mctformer_v2_C20: mctformer('v2'),
  mctformer_plus_C20: mctformer('plus'),
  psa_resnet38_aff: () => affinityNet(resnet38Backbone()),
  resnet38_seg_n21: () =>
    segmentationNetwork(resnet38Backbone(), channels => new DilatedHead({ channels, labels: 21 })),
}

describe('the state dict is the published one', () => {
  test.each(Object.keys(NETWORKS))('%s', { timeout: 60_000 }, async name => {
    const network = NETWORKS[name]!()
    const ours = [...network.stateDict()].map(
      ([name, { shape }]) => `${name} (${shape.join(', ')}${shape.length === 1 ? ',' : ''})`,
    )
    network.dispose()
    const wanted = (await readFile(join(lists, `${name}.txt`), 'utf8')).trim().split('\n')
    expect(ours.sort()).toEqual(wanted.sort())
  })

  test('the other lists have a test beside their network', async () => {
    const all = await readdir(join(repository, 'src'), { recursive: true })
    const files = all.filter(file => file.endsWith('.test.ts'))
    const tests = await Promise.all(files.map(file => readFile(join(repository, 'src', file), 'utf8')))
    for (const file of await readdir(lists)) {
      if (file.replace('.txt', '') in NETWORKS) continue
      expect(
        tests.some(text => text.includes(`names/${file}`)),
        file,
      ).toBe(true)
    }
  })

  test.skipIf(!existsSync(published))(
    'the lists are those that were published (../shared/specs/params)',
    async () => {
      const names = await readdir(published)
      expect(names.length).toBe(11)
      for (const name of names)
        expect(await readFile(join(lists, name), 'utf8'), name).toBe(
          await readFile(join(published, name), 'utf8'),
        )
    },
  )
})
