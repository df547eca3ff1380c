import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generateDemo } from '../../data/demo/index.ts'
import { createLog, silentLog } from '../../train/log.ts'
import { parseRecipe } from '../recipe/load.ts'
import { methodOf } from '../recipe/method.ts'
import { type AblateOptions, ablate } from './ablate.ts'
import { type AblationRun, ablationRows, formatAblation, spread } from './ablation-table.ts'
import { clippingVariants, parseVariant, pickVariants } from './ablation-variant.ts'

let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-ablation-'))
  await generateDemo(join(folder, 'data'), { images: 6, valImages: 1, size: 32, seed: 3 })
})

afterAll(() => rm(folder, { recursive: true }))

describe('variants', () => {
  it('are a name and settings; commas inside a value part nothing', () => {
    expect(parseVariant('three=maps.layers=3')).toEqual({ name: 'three', set: ['maps.layers=3'] })
    expect(parseVariant('as-it-is=')).toEqual({ name: 'as-it-is', set: [] })
    expect(
      parseVariant('u=model.unet={width: 16, levels: 2},maps.scales=[1, 2],maps.flip=false').set,
    ).toEqual(['model.unet={width: 16, levels: 2}', 'maps.scales=[1, 2]', 'maps.flip=false'])
  })

  it.each([
    ['maps.layers', 'does not begin with a name'],
    ['=maps.layers=3', 'does not begin with a name'],
    ['a/b=maps.layers=3', 'does not begin with a name'],
    ['a=maps.layer=3', 'there is no key maps.layer; did you mean maps.layers?'],
    ['a=maps.layers', 'has no value'],
  ])('%s: %s', (text, message) => {
    expect(() => parseVariant(text)).toThrow(message)
  })

  it("of MCTformer are the reproduction's two additions, with the recipe's own U-Net", () => {
    const recipe = parseRecipe('method: mctformer\nmodel: { unet: { width: 16 } }\n', 'x')
    const variants = methodOf(recipe).variants(recipe)
    expect(variants.map(({ name }) => name)).toEqual(['baseline', 'unet', 'transposed', 'both'])
    expect(variants[3]!.set).toEqual([
      'model.unet={"width":16,"levels":3,"lrScale":1,"refined":true}',
      'maps.affinity=transposed',
    ])
    expect(pickVariants(variants, ['both', 'unet']).map(({ name }) => name)).toEqual(['both', 'unet'])
    expect(() => pickVariants(variants, ['unets'])).toThrow(
      '--variants: there is no variant unets; did you mean unet?',
    )
  })

  it('of gradient clipping are there to be named, as far as they divide the crop', () => {
    const segment = '{ cropSize: 96, clipping: { startValue: 0.8, patchSize: 32 } }'
    const recipe = parseRecipe(`method: mctformer\nsegment: ${segment}\n`, 'x')
    expect(clippingVariants(recipe).map(({ name }) => name)).toEqual([
      'clipping',
      'no-clipping',
      'start-0.4',
      'start-1.6',
      'patch-16',
      'patch-96',
    ])
    expect(clippingVariants(parseRecipe('method: mctformer\n', 'x'))).toEqual([])
  })
})

describe('the table', () => {
  const score = (miou: number, value: number) =>
    ({ metric: 'seed', split: 'train', miou, threshold: { value, choice: { how: 'given' } } }) as const
  const run = (variant: string, seed: number, miou: number, threshold: number): AblationRun => ({
    variant,
    seed,
    folder: 'x',
    scores: [score(miou, threshold)],
  })

  it('has the deviation of a sample', () => {
    expect(spread([1, 2, 3])).toEqual({ mean: 2, deviation: 1 })
    expect(spread([7])).toEqual({ mean: 7, deviation: null })
  })

  it('pairs seeds with those of the first variant', () => {
    const variants = [
      { name: 'a', set: [] },
      { name: 'b', set: ['maps.layers=2', 'maps.flip=false'] },
    ]
    const runs = [run('a', 0, 50, 0.2), run('b', 0, 52, 0.4), run('a', 1, 40, 0.2), run('b', 1, 45, 0.5)]
    const rows = ablationRows(variants, runs)
    expect(rows.map(({ gain }) => gain)).toEqual([null, { mean: 3.5, deviation: Math.sqrt(4.5) }])
    expect(formatAblation({ recipe: 'r', variants, runs, rows })).toBe(
      `| variant | settings                      | metric       | mIoU         | gain over a  | threshold   | seeds |
|---------|-------------------------------|--------------|--------------|--------------|-------------|-------|
| a       | the recipe                    | seed (train) | 45.00 ± 7.07 |              | 0.20 ± 0.00 | 0, 1  |
| b       | maps.layers=2 maps.flip=false | seed (train) | 48.50 ± 4.95 | +3.50 ± 2.12 | 0.45 ± 0.07 | 0, 1  |`,
    )
    const unfinished = ablationRows(variants, runs.slice(0, 3))
    expect(unfinished[1]).toMatchObject({ seeds: [0], gain: { mean: 2, deviation: null } })
  })
})

describe('an ablation', () => {
  const options = (): AblateOptions => ({
    recipe: 'mctformer_demo',
    set: [
      `data.root=${join(folder, 'data')}`,
      'data.layout=folder',
      'data.valSplit=null',
      'model.imageSize=32',
      'train.epochs=1',
      'train.batchSize=3',
      'maps.scales=[1]',
      'maps.refine=true',
      'report.images=1',
      'threads=1',
    ],
    runs: join(folder, 'runs'),
    name: 'small',
    seeds: [0, 1],
    signal: new AbortController().signal,
    log: silentLog(),
  })

  it('trains once what differs in its maps alone, and skips what is done', { timeout: 120_000 }, async () => {
    const { folder: at, ablation } = await ablate(options())
    expect(ablation.rows.map(({ variant, metric, seeds }) => [variant, metric, seeds])).toEqual(
      ['baseline', 'unet', 'transposed', 'both'].map(name => [name, 'seed', [0, 1]]),
    )
    const files = (await readdir(at)).sort()
    expect(files.filter(name => name.endsWith('seed1'))).toEqual(
      ['baseline', 'both', 'transposed', 'unet'].map(name => `${name}-seed1`),
    )
    expect(JSON.parse(await readFile(join(at, 'ablation.json'), 'utf8'))).toEqual(ablation)
    expect(await readFile(join(at, 'ablation.md'), 'utf8')).toBe(`${formatAblation(ablation)}\n`)

    const weights = async (run: string): Promise<number> =>
      (await stat(join(at, run, 'checkpoints', 'last.safetensors'))).ino
    expect(await weights('transposed-seed0')).toBe(await weights('baseline-seed0'))
    expect(await weights('both-seed1')).toBe(await weights('unet-seed1'))
    expect(await weights('baseline-seed1')).not.toBe(await weights('baseline-seed0'))
    const marker = JSON.parse(await readFile(join(at, 'transposed-seed0', 'stages', 'train.json'), 'utf8'))
    expect(marker).toMatchObject({ state: 'done', takenFrom: '../baseline-seed0' })

    const lines: string[] = []
    const log = createLog({ stream: { write: text => lines.push(text) }, env: {} })
    expect((await ablate({ ...options(), log })).ablation).toEqual(ablation)
    expect(lines.filter(line => line.includes('done before, skipped')).length).toBe(8 * 3)
  })

  it('tells weight files apart by what is in them, not by name, size and time', {
    timeout: 120_000,
  }, async () => {
    const files = await Promise.all(
      [0, 1].map(async seed => {
        const file = join(folder, `weights-${seed}`, 'w.safetensors')
        await mkdir(join(folder, `weights-${seed}`))
        const trained = join(folder, 'runs', 'ablate-small', `baseline-seed${seed}`, 'checkpoints')
        await copyFile(join(trained, 'last.safetensors'), file)
        await utimes(file, 0, 0)
        return file
      }),
    )
    const lines: string[] = []
    const log = createLog({ stream: { write: text => lines.push(text) }, env: {} })
    const variants = files.map((file, i) => ({ name: `file${i}`, set: [`maps.weights=${file}`] }))
    const { folder: at } = await ablate({ ...options(), name: 'files', variants, seeds: [0], log })
    expect(lines.filter(line => line.includes('reused from'))).toEqual([])
    const [zero, one] = await Promise.all(
      variants.map(({ name }) => readFile(join(at, `${name}-seed0`, 'maps', '0001.safetensors'))),
    )
    expect(one!.equals(zero!)).toBe(false)
  })

  it('continues to the predictions where a variant changes them', { timeout: 120_000 }, async () => {
    const variants = [
      { name: 'short', set: ['segment.epochs=1', 'segment.cropSize=32', 'segment.batchSize=3'] },
    ]
    const { ablation } = await ablate({ ...options(), variants, seeds: [0] })
    expect(ablation.rows.map(({ metric }) => metric)).toEqual(['seed', 'val', 'val ms', 'val ms+crf'])
  })

  it("compares variants of one's own with those that are named", { timeout: 60_000 }, async () => {
    const own = [{ name: 'own', set: ['maps.layers=1'] }]
    const { ablation } = await ablate({
      ...options(),
      name: 'own-and-named',
      variants: own,
      only: ['baseline'],
      seeds: [0],
    })
    expect(ablation.variants.map(({ name }) => name)).toEqual(['baseline', 'own'])
    expect(ablation.rows.map(({ variant }) => variant)).toEqual(['baseline', 'own'])
  })

  it('goes on to the predictions of a method that labels images by its own head', {
    timeout: 60_000,
  }, async () => {
    const set = [
      `data.root=${join(folder, 'data')}`,
      'threads=1',
      'data.layout=folder',
      'model={backbone: {embedDim: 8, depth: 4, heads: 2}, imageSize: 32, patchSize: 8, headDim: 4}',
      'train={epochs: null, steps: 2, batchSize: 4, losses: {start: 0}, labels: {scales: [1]}, schedule: {kind: poly}, validateEvery: 0}',
      'predict={scales: [1], crf: null}',
    ]
    const { ablation } = await ablate({
      ...options(),
      recipe: 'afa_demo',
      set,
      name: 'own-head',
      only: ['afa'],
      seeds: [0],
    })
    expect(ablation.rows.map(({ metric }) => metric)).toEqual(['seed', 'val', 'val ms'])
  })

  it('makes the stages before segment once where seeds are those of segment', {
    timeout: 120_000,
  }, async () => {
    const set = [...options().set!, 'segment={epochs: 1, cropSize: 32, batchSize: 3}']
    const { folder: at, ablation } = await ablate({
      ...options(),
      set,
      name: 'seeds-of-segment',
      variants: [{ name: 'one', set: [] }],
      seedsOf: 'segment',
    })
    expect(ablation.rows.map(({ metric, seeds }) => [metric, seeds])).toEqual(
      ['seed', 'val', 'val ms', 'val ms+crf'].map(metric => [metric, [0, 1]]),
    )
    const file = (seed: number, folder: string): string =>
      join(at, `one-seed${seed}`, folder, 'last.safetensors')
    expect((await stat(file(1, 'checkpoints'))).ino).toBe((await stat(file(0, 'checkpoints'))).ino)
    const [zero, one] = await Promise.all([0, 1].map(seed => readFile(file(seed, 'segment'))))
    expect(one!.equals(zero!)).toBe(false)
    await expect(ablate({ ...options(), set: [...set, 'segment=null'], seedsOf: 'segment' })).rejects.toThrow(
      '--seeds-of segment: mctformer_demo has no section segment',
    )
  })

  it('refuses what cannot be compared before anything runs', async () => {
    const twice = [parseVariant('a=maps.layers=1'), parseVariant('a=maps.layers=2')]
    await expect(ablate({ ...options(), variants: twice })).rejects.toThrow(
      '--variant: there are two variants a',
    )
    await expect(ablate({ ...options(), recipe: 'cti_demo', set: [], only: ['infusion9'] })).rejects.toThrow(
      '--variants: there is no variant infusion9; did you mean infusion-0?',
    )
    await expect(ablate({ ...options(), recipe: 'cti_demo', set: [], only: ['?'] })).rejects.toThrow(
      'variants are baseline, background, intra, cti, images, token, infusion-0',
    )
    const wrong = [parseVariant('a=maps.layers=9')]
    await expect(ablate({ ...options(), variants: wrong })).rejects.toThrow(
      "9 is more than the network's 3 blocks",
    )
    await rm(join(folder, 'data', 'masks'), { recursive: true })
    await expect(ablate({ ...options(), name: 'none' })).rejects.toThrow(
      `${join(folder, 'data')}: no image of train has a mask`,
    )
    expect(await readdir(join(folder, 'runs'))).not.toContain('ablate-none')
  })
})
