import { join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../../../../test/temporary-folder.ts'
import type { Dataset } from '../../../data/dataset.ts'
import { silentLog } from '../../../train/log.ts'
import { parseRecipe } from '../../recipe/load.ts'
import { runFolder } from '../../run/run-folder.ts'
import { bestWay, lastRound, resultLinks } from './run-results.ts'

const set = (split: string): Dataset => ({
  name: 'x',
  root: '/x',
  split,
  classes: ['cat'],
  samples: [],
  warnings: [],
})

it('links what is there, the best masks first', async () => {
  const root = await temporaryFolder([
    'masks/a.png',
    'pseudo-masks/a.png',
    'segment-rounds/1/masks/a.png',
    'segment-rounds/2/masks/a.png',
    'segment-rounds/10/metrics.jsonl',
    'predictions/my val/single/a.png',
    'predictions/my val/ms/a.png',
    'labels.txt',
  ])
  const run = runFolder(root)
  const context = {
    recipe: parseRecipe('method: mctformer\n', 'x'),
    run,
    dataset: set('train'),
    valDataset: set('my val'),
    signal: new AbortController().signal,
    log: silentLog(),
  }
  expect((await resultLinks(context)).map(({ href }) => href)).toEqual([
    'segment-rounds/2/masks',
    'pseudo-masks',
    'masks',
    'predictions/my%20val/ms',
    'labels.txt',
  ])
  expect(await lastRound(run)).toBe(2)
  expect(await bestWay(run, set('my val'))).toBe('ms')
  expect(await bestWay(run, set('train'))).toBeUndefined()
  expect(await lastRound(runFolder(join(root, 'masks')))).toBeUndefined()
})
