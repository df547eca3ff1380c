import { describe, expect, test } from 'vitest'
import type { Dataset } from '../../data/dataset.ts'
import { InputError } from '../../errors.ts'
import { createLog } from '../../train/log.ts'
import { bundledNames } from '../recipe/find.ts'
import { type ChosenKeys, loadRecipe, parseRecipe } from '../recipe/load.ts'
import type { Recipe } from '../recipe/schema.ts'
import { fitRecipe } from './fit-recipe.ts'

/** `count` images with a tag, and one without, of so many classes. */
function images(count: number, classes = 3): Dataset {
  const tagged = Array.from({ length: count }, (_, i) => ({ id: `p${i}`, tags: [i % classes] }))
  return {
    name: 'photos',
    root: 'photos',
    split: 'train',
    classes: Array.from({ length: classes }, (_, i) => `class ${i}`),
    samples: [...tagged, { id: 'untagged', tags: [] }].map(sample => ({
      ...sample,
      image: `${sample.id}.jpg`,
      mask: undefined,
    })),
    warnings: [],
  }
}

function fitTo(recipe: Recipe, chosen: ChosenKeys | undefined, dataset: Dataset) {
  const lines: string[] = []
  const log = createLog({ stream: { write: text => lines.push(text.trimEnd()) }, env: {} })
  return { fitted: fitRecipe(recipe, { dataset, chosen, log }), lines }
}

async function fitBundled(name: string, count: number, set: readonly string[] = []) {
  const { recipe, chosen } = await loadRecipe(name, { set })
  return { recipe, ...fitTo(recipe, chosen, images(count)) }
}

/** A person's own recipe. */
function own(text: string, count: number, set: readonly string[] = []) {
  const recipe = parseRecipe(text, 'my.yaml')
  const written = new Set(text.includes('batchSize') ? ['train.batchSize'] : [])
  return fitTo(recipe, { bundled: false, written, set: new Set(set) }, images(count))
}

const OWN = 'method: mctformer\ntrain: { batchSize: 32 }\n'

describe('a bundled recipe', () => {
  test('60 photos: each training has batches that they fill, said in a line each', async () => {
    const { fitted, lines } = await fitBundled('mctformer-v2_deit-ti_voc-mini', 60)
    expect(lines).toEqual([
      'train: batches of 10 instead of 32, since there are 60 images; none is left out of an epoch',
      'affinity: batches of 10 instead of 16, since there are 60 images; none is left out of an epoch',
      'segment.retrain.first: batches of 10 instead of 16, since there are 60 images; none is left out of an epoch',
    ])
    const { train, affinity, segment } = fitted
    expect(
      [train, affinity, segment!.retrain!.first!].map(({ batchSize, dropLast }) => [batchSize, dropLast]),
    ).toEqual([
      [10, false],
      [10, false],
      [10, false],
    ])
    expect([segment!.batchSize, segment!.dropLast]).toEqual([4, true]) // 60 are enough for 4
  })

  test('fitting twice is fitting once', async () => {
    for (const count of [1, 2, 5, 7, 23, 40, 60, 255, 511]) {
      const { recipe, chosen } = await loadRecipe('mctformer-v2_deit-ti_voc-mini')
      const { fitted } = fitTo(recipe, chosen, images(count))
      const again = fitTo(fitted, chosen, images(count))
      expect(again).toEqual({ fitted, lines: [] })
      expect(fitted.train.batchSize).toBe(count < 256 ? Math.min(32, Math.max(1, Math.floor(count / 6))) : 32)
    }
  })

  test('as many images as it was made for change nothing', async () => {
    for (const name of await bundledNames()) {
      const count = name.includes('voc-mini') ? 1103 : name.includes('demo') ? 1000 : 10_582
      const { recipe, fitted, lines } = await fitBundled(name, count)
      expect({ fitted, lines }).toEqual({ fitted: recipe, lines: [] })
    }
  })

  test('a batch size given by --set stands, or is refused by its key', async () => {
    const { fitted, lines } = await fitBundled('mctformer_demo', 60, [
      'train.batchSize=24',
      'segment.batchSize=8',
    ])
    expect([fitted.train.batchSize, fitted.train.dropLast, lines]).toEqual([24, true, []])
    await expect(fitBundled('mctformer_demo', 60, ['segment.batchSize=61'])).rejects.toThrow(
      new InputError('segment.batchSize', 'is 61, and 60 images have a tag', {
        expected: 'at most 60; a recipe without it has its batches fitted to the images',
      }),
    )
    const kept = await fitBundled('mctformer_demo', 60, ['train.dropLast=true', 'segment=null'])
    expect(kept.lines).toEqual(['train: batches of 10 instead of 32, since there are 60 images'])
    expect(kept.fitted.train.dropLast).toBe(true)
  })
})

describe("a person's own recipe", () => {
  test('a batch size that it writes stands while there are two batches', () => {
    expect(own(OWN, 64).lines).toEqual([])
    expect(own(OWN, 63).lines).toEqual([
      'train: batches of 10 instead of 32, since there are 63 images; none is left out of an epoch',
    ])
  })

  test('one that it leaves out is fitted as in ours', () => {
    expect(own('method: mctformer\n', 511).lines).toEqual([
      'train: batches of 64, since there are 511 images; none is left out of an epoch',
    ])
    expect(own('method: mctformer\n', 512).lines).toEqual([])
  })
})

test('one image is a batch, and is called one', async () => {
  const { lines } = await fitBundled('mctformer_demo', 1, ['segment=null'])
  expect(lines).toEqual([
    'train: batches of 1 instead of 32, since there is 1 image; none is left out of an epoch',
  ])
  await expect(fitBundled('mctformer_demo', 1, ['train.batchSize=2'])).rejects.toThrow(
    /^train\.batchSize: is 2, and 1 image has a tag; at most 1;/,
  )
})

test('the resolved recipe of a run is checked, and stays as it is', () => {
  const recipe = parseRecipe(OWN, 'runs/pets/recipe.yaml')
  expect(fitTo(recipe, undefined, images(33))).toEqual({ fitted: recipe, lines: [] })
  expect(() => fitTo(recipe, undefined, images(31))).toThrow(
    /^train\.batchSize: is 32, and 31 images have a tag/,
  )
})

test('crops that no memory holds are said before the first step', () => {
  const recipe = parseRecipe('method: mctformer\nsegment: { cropSize: 100000 }\n', 'my.yaml')
  expect(() => fitTo(recipe, undefined, images(600))).toThrow(
    /^segment\.batchSize: 4 images of 100000 x 100000 pixels are too many: the prefetched batches alone take 1920\.0 GB; half of this machine's memory is \d+\.\d GB: lower it or segment\.cropSize$/,
  )
})

test('more classes than a label has values for are refused before the first step', () => {
  const recipe = parseRecipe('method: mctformer\nsegment: {}\n', 'my.yaml')
  expect(fitTo(recipe, undefined, images(600, 254)).fitted).toEqual(recipe)
  expect(() => fitTo(recipe, undefined, images(600, 255))).toThrow(
    new InputError('segment', 'cannot learn 255 classes', {
      expected: 'at most 254: leave the section out, or some classes',
    }),
  )
  const unsure = parseRecipe('method: mctformer\nsegment: {}\nrefine: { method: crf, sure: {} }\n', 'my.yaml')
  expect(() => fitTo(unsure, undefined, images(600, 254))).toThrow(
    new InputError('segment', 'cannot learn 254 classes', {
      expected: 'at most 253, since refine.sure uses one label: leave the section out, or some classes',
    }),
  )
})

describe('a training whose masks begin at a step', () => {
  test('60 photos: bundled recipes get more epochs, and their masks are learned', async () => {
    for (const name of ['afa_demo', 'afa_deit-ti_voc-mini']) await fitBundled(name, 60)
  })

  test('too few steps for the images at hand: refused before the first', async () => {
    await expect(fitBundled('afa_demo', 60, ['train.steps=null', 'train.epochs=32'])).rejects.toThrow(
      new InputError(
        'train.losses.start',
        'is 400, and is not before the end of 192 steps: no mask would be learned',
        {
          expected: 'expected less, or train.steps above 401',
        },
      ),
    )
    await fitBundled('afa_demo', 60, ['train.steps=null', 'train.losses.start=100'])
  })
})
