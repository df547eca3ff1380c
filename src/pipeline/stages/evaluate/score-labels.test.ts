import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Dataset } from '../../../data/dataset.ts'
import { InputError } from '../../../errors.ts'
import { writeLabelMap } from '../../../io/indexed-png.ts'
import { silentLog } from '../../../train/log.ts'
import { collectLeftOut } from '../../images/left-out.ts'
import { parseRecipe } from '../../recipe/load.ts'
import { parseSet } from '../../recipe/overrides.ts'
import type { StageContext } from '../../run/stage.ts'
import { compareMaskTags } from './mask-tags.ts'
import { type SplitScores, scoreLabels } from './score-labels.ts'

const IDS = ['a', 'b', 'c']

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-score-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const put = (name: string, ...data: number[]): Promise<void> =>
  writeLabelMap(join(folder, name), { width: data.length, height: 1, data: Uint8Array.from(data) })

async function score(...set: string[]): Promise<SplitScores & { warnings: readonly string[] }> {
  const samples = IDS.map(id => ({
    id,
    image: join(folder, `${id}.jpg`),
    tags: [0],
    mask: join(folder, `${id}-true.png`),
  }))
  const dataset: Dataset = {
    name: 'x',
    root: folder,
    split: 'val',
    classes: ['cat', 'dog'],
    samples,
    warnings: [],
  }
  const log = silentLog()
  const recipe = parseRecipe('method: mctformer\n', 'x', set.map(parseSet))
  const context: Pick<StageContext, 'recipe' | 'dataset' | 'signal' | 'log'> = {
    recipe,
    dataset,
    signal: new AbortController().signal,
    log,
  }
  const scores = await scoreLabels(context as StageContext, dataset, {
    metric: 'val',
    threshold: undefined,
    file: ({ id }) => join(folder, `${id}.png`),
    what: 'val',
    where: 'here',
  })
  return { ...scores, warnings: log.warnings }
}

it('scores what can be scored and names the rest, those of one cause together', async () => {
  for (const id of IDS) await put(`${id}.png`, 0, 1)
  await put('a-true.png', 0, 1)
  for (const id of ['b', 'c']) await writeFile(join(folder, `${id}-true.png`), 'no PNG')
  const { score: found, each, warnings } = await score()
  expect(found).toMatchObject({ metric: 'val', split: 'val', images: 1 })
  expect(each).toEqual([{ id: 'a', miou: 100 }])
  expect(warnings).toEqual([
    `2 images are left out of val for one cause (b, c): ${join(folder, 'b-true.png')}: cannot be decoded (no PNG); a mask is a PNG of class indices: palette of 1, 2, 4 or 8 bits, or 8-bit grey, one channel`,
  ])
  await expect(score('strict=true')).rejects.toThrow(/b-true\.png: cannot be decoded/)
})

it('says why nothing is scored', async () => {
  for (const id of IDS) await put(`${id}.png`, 0, 1)
  expect(await score()).toMatchObject({
    score: undefined,
    unscored: 'None of 3 masks of val can be used',
  })
  for (const id of IDS) await put(`${id}-true.png`, 255, 255)
  expect(await score()).toMatchObject({
    score: undefined,
    unscored: 'The masks of val hold only 255, which is ignored',
  })
  for (const id of IDS) await rm(join(folder, `${id}.png`))
  expect((await score()).unscored).toBe('No image of val has both a mask and what is scored')
})

it('classes in tags but in no mask, and in masks but not in tags, are reported with counts', () => {
  const log = silentLog()
  const maskTags = compareMaskTags(['cat', 'dog', 'owl', 'fox'])
  maskTags.add({ id: 'a', tags: [0, 1] }, Uint8Array.of(0, 1, 3))
  maskTags.add({ id: 'b', tags: [1] }, Uint8Array.of(255, 3, 0))
  maskTags.tell(log, 'train')
  expect(log.warnings).toEqual([
    'no mask of train holds a pixel of "dog" (2 images), although images with masks have that tag: are the masks numbered differently?',
    'masks of train hold classes that their images are not tagged with: "owl" (2 images, as a)',
  ])
  expect([maskTags.pixels, maskTags.foreground]).toEqual([5, 3])
})

it('keeps causes apart, and passes on what is no fault of a file', () => {
  const log = silentLog()
  const leftOut = collectLeftOut({ strict: false })
  leftOut.add('a', new InputError('/x/a.png', 'holds the label 7'))
  leftOut.add('b', new InputError('/x/b.png', 'is a JPEG'))
  leftOut.add('c', new InputError('/x/c.png', 'holds the label 12'))
  expect(() => leftOut.add('d', new TypeError('a bug'))).toThrow('a bug')
  leftOut.tell(log, 'the scores')
  expect(log.warnings).toEqual([
    '2 images are left out of the scores for one cause (a, c): /x/a.png: holds the label 7',
    'b is left out of the scores: /x/b.png: is a JPEG',
  ])
  expect(leftOut.count).toBe(3)
})
