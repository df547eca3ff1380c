import { describe, expect, it, test } from 'vitest'
import { deit } from '../../models/vit/widths.ts'
import { silentLog } from '../../train/log.ts'
import { inspectTarget } from '../inspect/inspect.ts'
import { bundledNames } from '../recipe/find.ts'
import { loadRecipe, parseRecipe } from '../recipe/load.ts'
import { fitBatches } from '../run/fit-recipe.ts'
import { stageNames } from '../stages/list.ts'
import { vitWork } from './network-work.ts'
import { estimateWork, imagesSeen, secondsOf, type WorkSize } from './stage-work.ts'

const DEMO: WorkSize = { images: 1000, valImages: 100, classes: 6, width: 96, height: 96 }
const PHOTOS: WorkSize = { images: 1000, valImages: 0, classes: 20, width: 500, height: 375 }

describe('the FLOPs of a network', () => {
  it('are those of the papers', () => {
    // SemFormer, table 6: 23.34 G multiply-adds at 448, a token for each class and one more
    const semformer = vitWork(deit['deit-s'], { width: 448, height: 448, classTokens: 21 })
    expect(semformer.flops / 2e9).toBeCloseTo(23.3, 1)
    // DeiT, table 5: DeiT-Ti 1.3 G, DeiT-B 17.6 G at 224
    const at = { width: 224, height: 224, classTokens: 1 }
    expect(vitWork(deit['deit-ti'], at).flops / 2e9).toBeCloseTo(1.26, 1)
    expect(vitWork(deit['deit-b'], at).flops / 2e9).toBeCloseTo(17.6, 1)
  })

  it.each([
    ['cam_demo', 96],
    ['mctformer_demo', 96],
    ['afa_mit-b1_voc12', 128],
  ])('are near those of the operators that run: %s', { timeout: 60_000 }, async (name, side) => {
    const found = await inspectTarget(name, {
      side,
      numClasses: 6,
      set: ['segment=null', 'refine.method=none'],
    })
    if (found.kind !== 'recipe') throw new Error('a recipe is expected')
    const forward = found.networks[0]!.work.find(({ what }) => what.startsWith('forward'))
    const counted = 2 * forward!.multiplyAdds
    const { recipe } = await loadRecipe(name, {
      set: ['train.epochs=1', 'train.steps=1', 'train.validateEvery=0', `model.imageSize=${side}`],
    })
    const one = { ...DEMO, images: recipe.train.batchSize }
    const [train] = estimateWork(recipe, one).filter(({ stage }) => stage === 'train')
    const further = recipe.method === 'afa' ? 1 + 6 / 3 : 1
    expect(train!.flops / (3 * one.images * further) / counted).toBeGreaterThan(0.8)
    expect(train!.flops / (3 * one.images * further) / counted).toBeLessThan(1.25)
  })
})

test('images that a training sees: whole epochs, more where they have too few steps', () => {
  const plain = { epochs: 3, steps: null, batchSize: 32, dropLast: true }
  expect(imagesSeen(plain, 100)).toBe(3 * 96)
  expect(imagesSeen({ ...plain, dropLast: false }, 100)).toBe(300)
  expect(imagesSeen({ ...plain, steps: 20 }, 100)).toBe(7 * 96)
  expect(imagesSeen({ ...plain, epochs: null, steps: 20 }, 100)).toBe(640)
})

describe('an estimate', () => {
  it('has every stage of every bundled recipe, in order', async () => {
    for (const name of await bundledNames()) {
      const { recipe } = await loadRecipe(name)
      const work = estimateWork(recipe, PHOTOS)
      expect(work.map(({ stage }) => stage)).toEqual(stageNames(recipe))
      for (const { flops, efficiency, perImageSeconds, images } of work) {
        expect(Number.isFinite(flops) && flops >= 0 && perImageSeconds > 0 && images >= 1).toBe(true)
        expect(efficiency > 0 && efficiency <= 1).toBe(true)
      }
    }
  })

  it('grows with epochs, images, scales, and the second training', () => {
    const flopsOf = (stage: string, text = '', size = PHOTOS): number =>
      estimateWork(parseRecipe(`method: cam\n${text}`, 'x'), size).find(work => work.stage === stage)!.flops
    expect(flopsOf('train', 'train: { epochs: 120 }') / flopsOf('train')).toBeCloseTo(2)
    expect(flopsOf('maps', '', { ...PHOTOS, images: 2000 }) / flopsOf('maps')).toBeCloseTo(2)
    expect(flopsOf('maps', 'maps: { flip: false }') / flopsOf('maps')).toBeCloseTo(0.5)
    expect(flopsOf('maps', 'maps: { scales: [1, 1] }') / flopsOf('maps')).toBeCloseTo(2)
    const retrained = flopsOf('segment', 'segment: { retrain: {} }') / flopsOf('segment', 'segment: {}')
    expect(retrained).toBeGreaterThan(2)
    expect(retrained).toBeLessThan(4)
  })

  /** Runs whose stages' times were noted, on machines whose rate of products is known. */
  it.each([
    ['cti_demo', 680, { train: 217, maps: 34, segment: 30 }], // Zen 5, two threads, bf16; docs/cti.md
    ['mctformer_demo', 415, { all: 340 }], // Zen 4, two threads, bf16; docs/mctformer.md
    ['weaktr_demo', 415, { train: 150, maps: 38, all: 317 }], // docs/weaktr.md; segment 110, estimated 66
  ] as const)('is within half of what was measured: %s', async (name, gflops, measured) => {
    const loaded = await loadRecipe(name)
    const recipe = fitBatches(loaded.recipe, { images: 1000, chosen: loaded.chosen, log: silentLog() })
    const work = estimateWork(recipe, DEMO)
    const seconds = new Map(work.map(stage => [stage.stage, secondsOf(stage, { gflops, cores: 2 })]))
    seconds.set(
      'all',
      [...seconds.values()].reduce((sum, one) => sum + one, 0),
    )
    for (const [stage, known] of Object.entries(measured)) {
      expect(seconds.get(stage)! / known, stage).toBeGreaterThan(1 / 1.5)
      expect(seconds.get(stage)! / known, stage).toBeLessThan(1.5)
    }
  })
})
