import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InputError } from '../../errors.ts'
import { differingKeys, isNeutralKey } from './compare.ts'
import { bundledNames } from './find.ts'
import { keysAt, recipeKeys } from './keys.ts'
import { formatRecipe, loadRecipe, parseRecipe } from './load.ts'
import { encoderOf } from './method.ts'
import { parseSet } from './overrides.ts'
import type { Recipe } from './schema.ts'

const minimal = 'method: mctformer\n'

function messageOf(yaml: string, set: readonly string[] = []): string {
  try {
    parseRecipe(yaml, 'my.yaml', set.map(parseSet))
  } catch (error) {
    expect(error).toBeInstanceOf(InputError)
    return (error as InputError).message
  }
  return 'no error'
}

describe('errors name the place, the key and what would be right', () => {
  it.each([
    [
      'an unknown key',
      'method: mctformer\ntrain:\n  epoch: 3\n',
      'my.yaml:3 (train.epoch): there is no key epoch; did you mean epochs?',
    ],
    [
      'an unknown key far from any',
      'method: mctformer\nmodel: { zzzz: 3 }\n',
      'my.yaml:2 (model.zzzz): there is no key zzzz; keys there are variant, width, imageSize, patchSize, dropPath, decay, unet',
    ],
    [
      'an unknown section',
      'method: mctformer\ntrian: {}\n',
      'my.yaml:2 (trian): there is no key trian; did you mean train?',
    ],
    [
      'a wrong type',
      'method: mctformer\ntrain:\n  epochs: many\n',
      'my.yaml:3 (train.epochs): is "many"; expected a whole number, at least 1 or null',
    ],
    [
      'a fraction for a whole number',
      'method: mctformer\ntrain: { epochs: 1.5 }\n',
      'my.yaml:2 (train.epochs): is 1.5; expected a whole number, at least 1 or null',
    ],
    [
      'out of range',
      'method: mctformer\ntrain: { epochs: 0 }\n',
      'my.yaml:2 (train.epochs): is 0; expected a whole number, at least 1 or null',
    ],
    [
      'above the range',
      'method: mctformer\nmodel:\n  dropPath: 1\n',
      'my.yaml:3 (model.dropPath): is 1; expected a number, at least 0, below 1',
    ],
    [
      'a wrong choice',
      'method: mctformer\nmodel: { variant: v3 }\n',
      'my.yaml:2 (model.variant): is "v3"; expected v1, v2 or plus',
    ],
    [
      'a wrong method',
      'method: weak\n',
      'my.yaml:1 (method): is "weak"; expected mctformer, weaktr, cam, afa, cti or semformer',
    ],
    [
      'a default that does not fit what is written',
      'method: afa\nmodel: { backbone: { embedDims: [8, 8, 16, 16], depths: [1, 1, 1, 1] } }\n',
      'my.yaml:2 (model.backbone.heads): [1,2,5,8] do not divide embedDims; expected heads such that each stage has whole channels a head',
    ],
    [
      'a default that another section does not allow',
      'method: afa\nsegment: {}\n',
      'my.yaml:2 (segment.backbone): "model" needs a vision transformer, which mit-b1 is not; expected resnet38 or deit-*',
    ],
    [
      'a missing method',
      'seed: 0\n',
      'my.yaml (method): is missing; expected mctformer, weaktr, cam, afa, cti or semformer',
    ],
    [
      'a crop of AFA without whole places at a scale of its labels',
      'method: afa\nmodel: { backbone: deit-ti, imageSize: 240 }\n',
      'my.yaml:2 (model.imageSize): 240 is not a multiple of 32; expected whole places of 16 pixels at scale 1 and at 1.5, the largest of train.labels.scales, such as 256',
    ],
    [
      'a key of another method',
      'method: weaktr\nmodel: { variant: v2 }\n',
      'my.yaml:2 (model.variant): does not belong to the method weaktr; remove it or change method',
    ],
    [
      'a section of another method',
      'method: weaktr\ntrain: { losses: {} }\n',
      'my.yaml:2 (train.losses): does not belong to the method weaktr; remove it or change method',
    ],
    [
      'an unknown key, where another method has more',
      'method: weaktr\nmodel: { varian: v2 }\n',
      'my.yaml:2 (model.varian): there is no key varian; keys there are width, imageSize, patchSize, dropPath, fusion',
    ],
    [
      'a key of the other fusion',
      'method: weaktr\nmodel: { fusion: { kind: mean-sum, pool: max } }\n',
      'my.yaml:2 (model.fusion.pool): does not belong to this kind of fusion; remove it or change kind',
    ],
    [
      'a reduction that leaves nothing',
      'method: weaktr\nmodel: { width: { embedDim: 96, depth: 3, heads: 3 }, fusion: { kind: aaf, reduction: 10 } }\n',
      'my.yaml:2 (model.fusion.reduction): 10 leaves nothing of 9 heads of all layers; expected at most 9',
    ],
    [
      'a wrong width',
      'method: mctformer\nmodel: { width: deit-x }\n',
      'my.yaml:2 (model.width): is "deit-x"; expected deit-ti, deit-s or deit-b or a section {embedDim, depth, heads}',
    ],
    [
      'a key missing in a width',
      'method: mctformer\nmodel:\n  width: { embedDim: 96, depth: 3 }\n',
      'my.yaml:3 (model.width.heads): is missing; expected a whole number, at least 1',
    ],
    [
      'an unknown key in a width',
      'method: mctformer\nmodel:\n  width: { embedDim: 96, depth: 3, heads: 3, head: 3 }\n',
      'my.yaml:3 (model.width.head): there is no key head; did you mean heads?',
    ],
    [
      'heads that do not divide',
      'method: mctformer\nmodel:\n  width: { embedDim: 96, depth: 3, heads: 5 }\n',
      'my.yaml:3 (model.width.heads): 5 does not divide embedDim; expected heads such that embedDim / heads is whole',
    ],
    [
      'a crop that is no whole number of patches',
      'method: mctformer\nmodel: { imageSize: 100 }\n',
      'my.yaml:2 (model.imageSize): 100 is not a multiple of patchSize 16; expected a whole number of patches',
    ],
    [
      'a short list',
      'method: mctformer\nnormalise: { mean: [0.5, 0.5] }\n',
      'my.yaml:2 (normalise.mean): is [0.5,0.5]; expected a list of 3: [a number, a number, a number]',
    ],
    [
      'a wrong value in a list',
      'method: mctformer\nmaps: { scales: [1, 0] }\n',
      'my.yaml:2 (maps.scales.1): is 0; expected a number, above 0, at most 8',
    ],
    [
      'an empty list',
      'method: mctformer\nmaps: { scales: [] }\n',
      'my.yaml:2 (maps.scales): is []; expected a list of a number, above 0, at most 8',
    ],
    [
      'a range upside down',
      'method: mctformer\ntrain: { augment: { crop: { scale: [1, 0.5] } } }\n',
      'my.yaml:2 (train.augment.crop.scale): [1,0.5] starts above its end; expected [smaller, larger]',
    ],
    [
      'true where false or a section belongs',
      'method: mctformer\ntrain: { augment: { erasing: true } }\n',
      'my.yaml:2 (train.augment.erasing): is true; expected a section {probability, area, aspect} or false',
    ],
    [
      'a wrong number in an optional section',
      'method: mctformer\ntrain: { augment: { randAugment: { ops: 0 } } }\n',
      'my.yaml:2 (train.augment.randAugment.ops): is 0; expected a whole number, at least 1',
    ],
    [
      'a key of the other schedule',
      'method: mctformer\ntrain: { schedule: { kind: cosine-step, warmupLr: 1e-6 } }\n',
      'my.yaml:2 (train.schedule.warmupLr): does not belong to this kind of schedule; remove it or change kind',
    ],
    [
      'an unknown schedule',
      'method: mctformer\ntrain: { schedule: { kind: linear } }\n',
      'my.yaml:2 (train.schedule.kind): is "linear"; expected cosine-epoch, cosine-step or poly',
    ],
    [
      'no length at all',
      'method: mctformer\ntrain: { epochs: null, schedule: { kind: poly } }\n',
      'my.yaml:2 (train.epochs): null needs train.steps; expected a number for one of the two',
    ],
    [
      'a schedule of epochs without epochs',
      'method: mctformer\ntrain: { epochs: null, steps: 90 }\n',
      'my.yaml:2 (train.epochs): null needs a schedule of steps; expected train.schedule.kind cosine-step or poly, or a number',
    ],
    [
      'a key of the other optimiser',
      'method: mctformer\ntrain: { optimiser: { kind: sgd, eps: 1 } }\n',
      'my.yaml:2 (train.optimiser.eps): does not belong to this kind of optimiser; remove it or change kind',
    ],
    [
      'a long side upside down',
      'method: mctformer\ntrain: { augment: { kind: padded-crop, longSide: [640, 320] } }\n',
      'my.yaml:2 (train.augment.longSide): [640,320] starts above its end; expected [smaller, larger]',
    ],
    [
      'a sweep upside down',
      'method: mctformer\nevaluate: { sweep: { start: 0.5, stop: 0.2 } }\n',
      'my.yaml:2 (evaluate.sweep.stop): 0.2 is below start; expected start <= stop',
    ],
    [
      'a U-Net of an odd width',
      'method: mctformer\nmodel: { unet: { width: 20 } }\n',
      'my.yaml:2 (model.unet.width): 20 is not a multiple of 8; expected 8, 16, 24, ...',
    ],
    [
      'a U-Net that is no section',
      'method: mctformer\nmodel: { unet: true }\n',
      'my.yaml:2 (model.unet): is true; expected a section {width, levels, lrScale, refined} or null',
    ],
    [
      'more layers than blocks',
      'method: mctformer\nmaps: { layers: 13 }\n',
      "my.yaml:2 (maps.layers): 13 is more than the network's 12 blocks; expected at most 12",
    ],
    [
      'patch maps of v1',
      'method: mctformer\nmodel: { variant: v1 }\nmaps: { attention: fused }\n',
      'my.yaml:3 (maps.attention): "fused" needs patch maps, which v1 does not have; expected mct, or model.variant v2 or plus',
    ],
    [
      'a contrast over more layers than blocks',
      'method: mctformer\nmodel: { variant: plus, width: { embedDim: 8, depth: 3, heads: 1 } }\ntrain: { losses: { contrastLayers: 4 } }\n',
      "my.yaml:3 (train.losses.contrastLayers): 4 is more than the network's 3 blocks; expected at most 3",
    ],
    [
      'the best checkpoint without a validation',
      'method: mctformer\nmaps: { checkpoint: best }\n',
      'my.yaml:2 (maps.checkpoint): "best" needs a validation; expected data.valSplit or data.holdOut, and train.validateEvery, to be set, or last',
    ],
    [
      'a background score for CAMs of another threshold',
      'method: cti\nmaps: { background: token }\nrefine: { method: crf }\n',
      'my.yaml:3 (refine.background): 0.39 does not fit CAMs that are made for 0.5; expected 0.5, or sweep',
    ],
    [
      'an infusion after the last block',
      'method: cti\ntrain: { infusion: 11 }\n',
      'my.yaml:2 (train.infusion): 11 has no block after it: the network has 12; expected at most 10',
    ],
    [
      'an unknown device',
      'method: mctformer\ndevice: gpu\n',
      'my.yaml:2 (device): is "gpu"; expected cpu, cuda or cuda:N',
    ],
    [
      'a section that is a value',
      'method: mctformer\ntrain: 5\n',
      'my.yaml:2 (train): is 5; expected a section {epochs, batchSize, steps, dropLast, optimiser, schedule, augment, validateEvery, select, checkpointMinutes, checkpointSteps, logEvery, losses}',
    ],
    [
      'a key given twice',
      'method: mctformer\nseed: 1\nseed: 2\n',
      'my.yaml:3: is not valid YAML; Map keys must be unique at line 3, column 1:',
    ],
    [
      'broken YAML',
      'method: [mctformer\n',
      'my.yaml:2: is not valid YAML; Flow sequence in block collection must be sufficiently indented and end with a ] at line 2, column 1:',
    ],
    ['an empty file', '', 'my.yaml: is empty; write keys and values, beginning with method: mctformer'],
    [
      'a list for a recipe',
      '- 1\n',
      'my.yaml: is not a recipe; write keys and values, beginning with method: mctformer',
    ],
  ])('%s', (_, yaml, message) => {
    expect(messageOf(yaml)).toBe(message)
  })

  it('lists everything that is wrong, not only the first', () => {
    expect(
      messageOf('method: mctformer\ntrain:\n  epochs: 0\n  bachSize: 3\nseed: -1\n', ['device=gpu']),
    ).toMatchInlineSnapshot(`
      "recipe: 4 things are wrong:
        my.yaml:3 (train.epochs): is 0; expected a whole number, at least 1 or null
        my.yaml:4 (train.bachSize): there is no key bachSize; did you mean batchSize?
        my.yaml:5 (seed): is -1; expected a whole number, at least 0
        --set device=gpu (device): is "gpu"; expected cpu, cuda or cuda:N"
    `)
  })
})

describe('--set', () => {
  it.each([
    ['train.epochs', 'has no value; write --set key=value, as in --set train.epochs=5'],
    ['=5', 'has no value; write --set key=value, as in --set train.epochs=5'],
    ['trian.epochs=5', 'there is no key trian; did you mean train.epochs?'],
    ['train.epoch=5', 'there is no key train.epoch; did you mean train.epochs?'],
    ['lr=1e-4', 'there is no key lr; did you mean train.optimiser.lr?'],
    [
      'model.zzz=1',
      'there is no key model.zzz; keys there are variant, width, imageSize, patchSize, dropPath, decay, unet',
    ],
    ['train.epochs.x=1', 'there is no key train.epochs.x; train.epochs is a single value'],
    [
      'maps.scales=[1, 0.5',
      'the value is not valid YAML; write a number, true, false, null, a text, or a list such as [1, 0.5]',
    ],
    ['train.epochs=many', 'is "many"; expected a whole number, at least 1'],
    ['train.epochs=', 'is ""; expected a whole number, at least 1'],
    ['model.dropPath=2', 'is 2; expected a number, at least 0, below 1'],
  ])('%s is refused', (set, problem) => {
    expect(messageOf(minimal, [set])).toContain(`--set ${set}`)
    expect(messageOf(minimal, [set])).toContain(problem)
  })

  it('names itself where it makes a section that another method has', () => {
    expect(messageOf(minimal, ['autoencoder.epochs=2'])).toBe(
      '--set autoencoder.epochs=2 (autoencoder): does not belong to the method mctformer; remove it or change method',
    )
  })

  it('is typed by the schema', () => {
    const recipe = parseRecipe(
      minimal,
      'my.yaml',
      [
        'train.epochs=7',
        'train.optimiser.lr=1e-4',
        'maps.scales=[1, 0.5]',
        'maps.refine=false',
        'data.split=2012',
        'data.valSplit=null',
        'train.augment.erasing=false',
        'model.width={embedDim: 96, depth: 3, heads: 3}',
        'data.root=a=b',
      ].map(parseSet),
    )
    expect(recipe.train.epochs).toBe(7)
    expect(recipe.train.optimiser.lr).toBe(1e-4)
    expect(recipe.maps.scales).toEqual([1, 0.5])
    expect(recipe.maps).toMatchObject({ refine: false })
    expect(recipe.data.split).toBe('2012')
    expect(recipe.data.valSplit).toBe(null)
    expect(recipe.data.root).toBe(resolve('a=b')) // a run can be resumed from anywhere
    expect(recipe.train.augment).toMatchObject({ erasing: false })
    expect(recipe.model).toMatchObject({ width: { embedDim: 96, depth: 3, heads: 3 } })
  })

  it('wins over the file, and the last one wins over those before', () => {
    expect(
      parseRecipe('method: mctformer\nseed: 1\n', 'my.yaml', ['seed=2', 'seed=3'].map(parseSet)).seed,
    ).toBe(3)
  })
})

describe('finding a recipe', () => {
  it('loads every bundled recipe, and they say what their names say', async () => {
    const names = await bundledNames()
    expect(names.length).toBeGreaterThanOrEqual(5)
    for (const name of names) {
      const { recipe } = await loadRecipe(name)
      const variant = /mctformer-(v1|v2|plus)_/.exec(name)?.[1]
      if (variant !== undefined) expect(recipe.model).toMatchObject({ variant })
      if (!name.startsWith('photos_')) expect(recipe.method).toBe(/^[a-z]+/.exec(name)?.[0])
      const width = /_(deit-\w+)_/.exec(name)?.[1]
      if (width !== undefined) expect(encoderOf(recipe).name).toBe(width)
    }
  })

  it.each([
    [
      'mctformer-v2_deit-s_voc',
      'mctformer-v2_deit-s_voc: there is no such recipe; did you mean mctformer-v2_deit-s_voc12?',
    ],
    [
      'recipes/mctformer-v2_deit-ti_voc-mino.yaml',
      'recipes/mctformer-v2_deit-ti_voc-mino.yaml: there is no such file; did you mean mctformer-v2_deit-ti_voc-mini?',
    ],
  ])('%s is not found', async (name, message) => {
    await expect(loadRecipe(name)).rejects.toThrow(message)
  })

  it('lists the bundled ones when none is near', async () => {
    await expect(loadRecipe('xyz')).rejects.toThrow(/give a \.yaml file, or one of: .*mctformer_demo/)
  })

  it('finds a bundled recipe by its path from any folder, and a file of the user', async () => {
    expect((await loadRecipe('recipes/mctformer_demo.yaml')).name).toBe('mctformer_demo')
    const file = join(await mkdtemp(join(tmpdir(), 'tagmask-')), 'mine.yaml')
    await writeFile(file, 'method: mctformer\nseed: 3\n')
    expect(await loadRecipe(file)).toMatchObject({ name: 'mine', file, recipe: { seed: 3 } })
  })
})

describe('the resolved recipe', () => {
  it('is read back unchanged', async () => {
    for (const name of await bundledNames()) {
      const { recipe } = await loadRecipe(name)
      expect(parseRecipe(formatRecipe(recipe), 'x')).toEqual(recipe)
    }
  })

  it('is read back unchanged whatever the numbers', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-12, max: 1, noNaN: true }),
        fc.nat(),
        fc.string({ minLength: 1 }),
        (lr, seed, split) => {
          const base = parseRecipe(minimal, 'x')
          const train = { ...base.train, optimiser: { ...base.train.optimiser, lr } }
          const recipe = { ...base, seed, data: { ...base.data, split }, train } as Recipe
          expect(parseRecipe(formatRecipe(recipe), 'x')).toEqual(recipe)
        },
      ),
      { numRuns: 50 },
    )
  })

  it('compares by key', () => {
    const before = parseRecipe(minimal, 'x')
    const now = parseRecipe(
      minimal,
      'x',
      ['seed=4', 'threads=2', 'maps.scales=[1, 2]', 'model.width={embedDim: 8, depth: 3, heads: 1}'].map(
        parseSet,
      ),
    )
    const keys = differingKeys(before, now).map(({ key }) => key)
    expect(keys).toEqual([
      'maps.scales',
      'model.width',
      'model.width.depth',
      'model.width.embedDim',
      'model.width.heads',
      'seed',
      'threads',
    ])
    expect(keys.filter(key => !isNeutralKey(key))).not.toContain('threads')
  })
})

it('every key says what it means, and every value has a default or must be given', () => {
  for (const key of recipeKeys()) expect(key.description, key.path).not.toBe('')
  expect(keysAt(['train', 'schedule'])).toContain('offByOne')
  expect(recipeKeys().map(({ path }) => path)).toContain('train.optimiser.lr')
})

it('published settings are the numbers of the paper', async () => {
  const { recipe } = await loadRecipe('mctformer-v2_deit-s_voc12')
  expect(recipe.train).toMatchObject({
    epochs: 60,
    batchSize: 64,
    optimiser: { lr: 5e-4, lrBatch: 512, weightDecay: 0.05 },
    schedule: { kind: 'cosine-epoch', offByOne: true, minLr: 1e-5 },
  })
  expect((await loadRecipe('cti_deit-s_coco14')).recipe.train).toMatchObject({
    schedule: { kind: 'cosine-epoch', offByOne: false },
    augment: { crop: { scale: [0.3, 1.2] }, randAugment: { ops: 2, magnitude: 9, std: 0.5 }, erasing: false },
    infusion: 3,
    losses: { background: 0.1, intra: 0.1, cross: 0.1, start: 2, detachCams: true },
    cross: { tokens: 'memory', length: 30 },
  })
  expect(await readFile((await loadRecipe('mctformer-plus_deit-s_voc12')).file, 'utf8')).toContain(
    '[1, 0.75, 1.25]',
  )
})
