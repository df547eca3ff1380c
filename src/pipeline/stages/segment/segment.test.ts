import { copyFile, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDataset } from '../../../data/dataset.ts'
import type { ScoreRecord } from '../../../evaluate/index.ts'
import { readImage, writeImage } from '../../../io/image.ts'
import { readLabelMap, writeLabelMap } from '../../../io/indexed-png.ts'
import { UNSURE } from '../../../io/label-values.ts'
import { readSafetensors } from '../../../io/safetensors.ts'
import { checkpointFiles, saveWeights } from '../../../train/checkpoint.ts'
import { createLog, type Log } from '../../../train/log.ts'
import { readMetrics } from '../../../train/metrics.ts'
import { buildMethod } from '../../networks/build-method.ts'
import { predictFolder } from '../../out/predict-folder.ts'
import { parseRecipe } from '../../recipe/load.ts'
import { parseSet } from '../../recipe/overrides.ts'
import { openRunFolder, type RunFolder } from '../../run/run-folder.ts'
import { Interrupted, type StageContext } from '../../run/stage.ts'
import { predictStage } from '../predict/predict.ts'
import type { PredictionScoresFile } from '../predict/prediction-scores.ts'
import { type RoundScoresFile, roundFiles } from './round-scores.ts'
import { segmentStage } from './segment.ts'

// Images of 24 x 16 pixels: a bright block, which is the cat, on dark ground; the dog is never seen.
const [WIDTH, HEIGHT] = [24, 16]
const TRAIN = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
const VAL = ['v', 'w']
const RECIPE = [
  'model.width={embedDim: 16, depth: 2, heads: 2}',
  'model.imageSize=16',
  'model.patchSize=4',
  'maps.layers=2',
  'segment={cropSize: 16, epochs: 20, batchSize: 4, optimiser: {kind: adamw, lr: 0.003}, headFactor: 3, weights: null, backbone: model}',
  'predict.scales=[1, 1.5]',
  'data.valSplit=val',
  'report.images=2',
]

let folder = ''
let run: RunFolder
let lines: string[] = []
let log: Log

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-segment-'))
  for (const part of ['images', 'masks']) await mkdir(join(folder, 'data', part), { recursive: true })
  for (const [i, id] of [...TRAIN, ...VAL].entries()) {
    const left = 2 + ((i * 5) % 10)
    const inside = (place: number): boolean => place % WIDTH >= left && place % WIDTH < left + 10
    const grain = (j: number): number => (j * 7919 + i * 31) % 40
    const data = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, j) =>
      inside(Math.floor(j / 3)) ? 200 + grain(j) : 20 + grain(j),
    )
    await writeImage(join(folder, 'data', 'images', `${id}.png`), { width: WIDTH, height: HEIGHT, data })
    const labels = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, j) => (inside(j) ? 1 : 0))
    await writeLabelMap(join(folder, 'data', 'masks', `${id}.png`), {
      width: WIDTH,
      height: HEIGHT,
      data: labels,
    })
  }
  const row = (id: string): string => `${id}.png,cat\n`
  await writeFile(join(folder, 'data', 'tags.csv'), `file,tags\n${[...TRAIN, ...VAL].map(row).join('')}`)
  await writeFile(join(folder, 'data', 'classes.txt'), 'cat\ndog\n')
  await writeFile(join(folder, 'data', 'train.txt'), TRAIN.map(id => `${id}.png\n`).join(''))
  await writeFile(join(folder, 'data', 'val.txt'), VAL.map(id => `${id}.png\n`).join(''))
  lines = []
  log = createLog({ stream: { write: text => lines.push(text) }, env: {} })
})

afterEach(() => rm(folder, { recursive: true, force: true }))

/** A run whose stages up to refine are done: an untrained classification network, and the true masks as pseudo masks. */
async function context(set: readonly string[] = [], name = 'run'): Promise<StageContext> {
  const root = join(folder, 'data')
  const recipe = parseRecipe(
    'method: mctformer\n',
    'x',
    [`data.root=${root}`, ...RECIPE, ...set].map(parseSet),
  )
  run = await openRunFolder(join(folder, name), recipe)
  await mkdir(run.pseudoMasks, { recursive: true })
  const [dataset, valDataset] = await Promise.all(
    ['train', 'val'].map(split => openDataset(root, { split, classes: ['cat', 'dog'] })),
  )
  for (const { id, mask } of dataset!.samples)
    await writeLabelMap(join(run.pseudoMasks, `${id}.png`), await readLabelMap(mask!))
  await writeFile(run.imageScores, '[]')
  const method = await buildMethod(recipe, { numClasses: 2 })
  await saveWeights(checkpointFiles(run.checkpoints).last, method.network, {})
  method.network.dispose()
  const signal = new AbortController().signal
  return { recipe, run, dataset: dataset!, valDataset, signal, log }
}

async function trained(): Promise<Map<string, string>> {
  const { tensors } = await readSafetensors(checkpointFiles(run.segmentCheckpoints).last)
  return new Map([...tensors].map(([name, { data }]) => [name, Buffer.from(data).toString('base64')]))
}

/** Runs the stage and ends it as Ctrl-C does, after so many steps of the progress of that title. */
async function stopAt(
  stage: StageContext,
  { title, steps }: { title: string; steps: number },
): Promise<void> {
  const controller = new AbortController()
  const stopping: Log = {
    ...log,
    progress: options => {
      const progress = log.progress(options)
      return {
        ...progress,
        update(done, values) {
          progress.update(done, values)
          if (options.title === title && done >= steps) controller.abort()
        },
      }
    },
  }
  await expect(segmentStage({ ...stage, signal: controller.signal, log: stopping })).rejects.toThrow(
    Interrupted,
  )
}

async function scores(): Promise<readonly ScoreRecord[]> {
  const file: PredictionScoresFile = JSON.parse(await readFile(run.predictionScores, 'utf8'))
  return file.scores
}

describe('segment, then predict', () => {
  it('learns from pseudo masks what it then finds in images it has not seen, scored by name', async () => {
    const stage = await context()
    await segmentStage(stage)
    expect(lines.join('')).toMatch(
      /segment: weights from .*last\.safetensors \(drawn: mix\.weight, .*; without use here: head\.weight, head\.bias\)/,
    )
    expect(lines.join('')).toContain('no pseudo mask has a pixel of dog: the network cannot learn it')
    expect(await readFile(join(run.segmentCheckpoints, 'labels.txt'), 'utf8')).toBe('background\ncat\ndog\n')
    const losses = (await readMetrics(run.segmentMetrics))
      .filter(({ kind }) => kind === 'epoch')
      .map(({ loss }) => loss)
    expect(losses).toHaveLength(20)
    expect(losses.at(-1)).toBeLessThan(0.5 * Number(losses[0]))

    await predictStage(stage)
    const found = await scores()
    expect(found.map(({ metric, split, images }) => [metric, split, images])).toEqual([
      ['val', 'val', 2],
      ['val ms', 'val', 2],
      ['val ms+crf', 'val', 2],
    ])
    const cat = (metric: string): number =>
      found.find(score => score.metric === metric)!.classes.find(({ name }) => name === 'cat')!.iou
    expect(cat('val ms')).toBeGreaterThan(60)
    expect(found[0]!.threshold).toBeNull()
    for (const way of ['single', 'ms', 'ms-crf'])
      expect((await readdir(join(run.predictions, 'val', way))).sort()).toEqual(['v.png', 'w.png'])
    expect(await readFile(run.predictionTable, 'utf8')).toContain(
      'val ms+crf mIoU on val (2 images), no threshold',
    )
  })

  it('learns from sure masks too, of which most is left open', async () => {
    const stage = await context(['refine.sure={}', 'predict.crf=null'])
    await mkdir(run.sureMasks)
    for (const id of TRAIN) {
      const { data, ...size } = await readLabelMap(join(run.pseudoMasks, `${id}.png`))
      const sure = data.map((label, i) => (i % 3 === 0 ? label : UNSURE))
      await writeLabelMap(join(run.sureMasks, `${id}.png`), { ...size, data: sure })
    }
    await segmentStage(stage)
    await predictStage(stage)
    const [score] = await scores()
    expect(score!.classes.find(({ name }) => name === 'cat')!.iou).toBeGreaterThan(60)
    const file = join(run.sureMasks, 'a.png')
    const { data, ...size } = await readLabelMap(file)
    await writeLabelMap(file, { ...size, data: data.fill(77, 0, 1) })
    await expect(segmentStage(stage)).rejects.toThrow(/sure-masks\/a\.png: holds the label 77/)
  })

  it('stopped at any step, ends with the same weights, and with the same predictions', async () => {
    const short = ['segment.epochs=3']
    await segmentStage(await context(short, 'whole'))
    const whole = await trained()
    const stage = await context(short, 'stopped')
    for (const steps of [1, 3]) await stopAt(stage, { title: 'segment', steps })
    await segmentStage(stage)
    expect(await trained()).toEqual(whole)

    await predictStage(stage)
    const first = join(run.predictions, 'val', 'ms', 'v.png')
    const before = await readFile(first)
    await rm(first)
    await writeFile(
      join(run.predictions, 'val', 'ms', 'w.png'),
      await readFile(join(run.predictions, 'val', 'single', 'w.png')),
    )
    await predictStage(stage) // w is there and stays as it is
    expect(await readFile(first)).toEqual(before)
    expect(await readFile(join(run.predictions, 'val', 'ms', 'w.png'))).toEqual(
      await readFile(join(run.predictions, 'val', 'single', 'w.png')),
    )
  })

  it('trains again on its own labels among the tags, stopped or not, and scores them as mask', async () => {
    const twice = ['segment.epochs=8', 'segment.retrain={scales: [1], crf: null}']
    await segmentStage(await context(twice, 'whole'))
    const whole = await trained()
    const { masks, metrics } = roundFiles(run, 1)
    expect((await readdir(masks)).sort()).toEqual(TRAIN.map(id => `${id}.png`))
    for (const id of TRAIN) {
      const labels = new Set((await readLabelMap(join(masks, `${id}.png`))).data)
      expect([...labels].every(label => label === 0 || label === 1)).toBe(true) // no dog
    }
    expect((await readMetrics(metrics)).length).toBeGreaterThan(0)
    const scoresOfRound = async (): Promise<RoundScoresFile> =>
      JSON.parse(await readFile(run.roundScores, 'utf8'))
    const { scores: found } = await scoresOfRound()
    expect(found).toMatchObject([{ metric: 'mask', split: 'train', threshold: null, images: 8 }])
    expect(found[0]!.classes[1]!.iou).toBeGreaterThan(50)
    expect(await readFile(run.roundTable, 'utf8')).toContain('mask mIoU on train (8 images), no threshold')

    const stage = await context(twice, 'stopped')
    await stopAt(stage, { title: 'segment, round 1 of 2', steps: 5 })
    await stopAt(stage, { title: 'labels of round 1', steps: 3 })
    // those that are begun are finished
    expect((await readdir(roundFiles(run, 1).masks)).length).toBeGreaterThanOrEqual(3)
    await segmentStage(stage)
    expect(await trained()).toEqual(whole)

    await rm(checkpointFiles(run.segmentCheckpoints).state)
    await rm(roundFiles(run, 1).checkpoints, { recursive: true })
    await writeLabelMap(join(roundFiles(run, 1).masks, `${TRAIN[0]}.png`), {
      ...(await readLabelMap(join(masks, `${TRAIN[0]}.png`))),
      data: new Uint8Array((await readLabelMap(join(masks, `${TRAIN[0]}.png`))).data.length),
    })
    const before = (await scoresOfRound()).scores[0]!.miou
    await segmentStage(stage) // nothing is trained: the labels are scored
    expect((await scoresOfRound()).scores[0]!.miou).toBeLessThan(before)
    expect(await trained()).toEqual(whole)
    expect(await readdir(join(run.segmentRounds, '1'))).not.toContain('checkpoints')
  })

  it('labels with one network and ends with another, where told to', async () => {
    const settings = [
      'segment.epochs=1',
      'segment.network=segmenter',
      'segment.clipping={patchSize: 8}',
      'refine.sure={foreground: 0.2, background: 0.4}',
      'segment.retrain={scales: [1], crf: null, first: {network: convolutional, epochs: 2, batchSize: 8}}',
    ]
    const stage = await context(settings)
    await mkdir(run.sureMasks)
    for (const id of TRAIN)
      await copyFile(join(run.pseudoMasks, `${id}.png`), join(run.sureMasks, `${id}.png`))
    await segmentStage(stage)
    const { checkpoints, metrics } = roundFiles(run, 1)
    const names = async (at: string): Promise<string[]> => [
      ...(await readSafetensors(checkpointFiles(at).last)).tensors.keys(),
    ]
    expect((await names(checkpoints)).filter(name => name.startsWith('decoder.'))).toEqual([])
    expect(await names(run.segmentCheckpoints)).toContain('decoder.cls_emb')
    const steps = async (file: string) => (await readMetrics(file)).at(-1)!.step + 1
    expect([await steps(metrics), await steps(run.segmentMetrics)]).toEqual([2, 2])
    const last = (await readMetrics(run.segmentMetrics)).at(-1)!
    expect(last).toHaveProperty('unclipped loss')
  })

  it('without a validation split it scores the training images, without the CRF there is no such score', async () => {
    const stage = await context(['segment.epochs=1', 'predict.crf=null', 'data.valSplit=null'])
    await segmentStage(stage)
    await predictStage({ ...stage, valDataset: undefined })
    expect((await scores()).map(({ metric, split }) => [metric, split])).toEqual([
      ['val', 'train'],
      ['val ms', 'train'],
    ])
  })
})

describe('pseudo masks that are not as they should be', () => {
  it('missing or broken ones are named, and their images left out', async () => {
    const stage = await context(['segment.epochs=1'])
    await rm(join(run.pseudoMasks, 'b.png'))
    await writeFile(join(run.pseudoMasks, 'c.png'), 'no image')
    await segmentStage(stage)
    expect(lines.join('')).toMatch(/warning: .*c\.png: cannot be decoded/)
    expect(lines.join('')).toContain('2 of 8 images without a pseudo mask, not trained on: b, c')
    const small = { ...stage.recipe, segment: { ...stage.recipe.segment!, batchSize: 7 } }
    await rm(run.segmentCheckpoints, { recursive: true })
    await segmentStage({ ...stage, recipe: small })
    expect(lines.join('')).toContain(
      'warning: segment: a batch is 6 images, all that have labels, fewer than segment.batchSize (7)',
    )
    expect((await readMetrics(run.segmentMetrics)).map(({ kind }) => kind)).toEqual(['step', 'epoch'])
  })

  it('a label that is no class ends the stage, with its file', async () => {
    const stage = await context()
    const data = new Uint8Array(WIDTH * HEIGHT).fill(3)
    await writeLabelMap(join(run.pseudoMasks, 'd.png'), { width: WIDTH, height: HEIGHT, data })
    await expect(segmentStage(stage)).rejects.toThrow(
      /d\.png: holds the label 3; labels are 0 \(background\) to 2, and 255 for pixels to ignore$/,
    )
  })

  it('none at all', async () => {
    const stage = await context()
    for (const id of TRAIN) await rm(join(run.pseudoMasks, `${id}.png`))
    await expect(segmentStage(stage)).rejects.toThrow(
      /pseudo-masks: holds no mask for any of 8 images; run the stage refine of this run first$/,
    )
  })

  it('weights of another network are refused by name', async () => {
    const stage = await context()
    const { last: weights } = checkpointFiles(run.checkpoints)
    const recipe = {
      ...stage.recipe,
      segment: { ...stage.recipe.segment!, backbone: 'deit-ti' as const, weights },
    }
    await expect(segmentStage({ ...stage, recipe })).rejects.toThrow(
      /last\.safetensors \(blocks\): weights of another architecture: 2 blocks of width 16; the backbone has 12 blocks of width 192$/,
    )
  })
})

describe('predict on any folder', () => {
  const folderOf = () => join(folder, 'photos')

  beforeEach(async () => {
    await mkdir(join(folderOf(), 'trip'), { recursive: true })
    const grey = (width: number, height: number) => ({
      width,
      height,
      data: new Uint8Array(width * height * 3).fill(90),
    })
    await writeImage(join(folderOf(), 'one.png'), grey(1, 30))
    await writeImage(join(folderOf(), 'trip', 'wide.jpg'), grey(70, 9))
    await writeFile(join(folderOf(), 'broken.jpg'), 'no image')
  })

  async function predict(
    stage: StageContext,
    options: { crf?: boolean; overlays?: boolean; force?: boolean; out?: string } = {},
  ) {
    const { recipe, signal } = stage
    return predictFolder({
      run,
      recipe,
      images: folderOf(),
      out: join(folder, 'out'),
      crf: false,
      overlays: false,
      force: false,
      signal,
      log,
      ...options,
    })
  }

  it("writes masks of the images' own sizes, overlays on request; names what it cannot read", async () => {
    const stage = await context(['segment.epochs=1', 'predict.longestSide=40'])
    await expect(predict(stage)).rejects.toThrow(
      /has no trained segmentation network; train it first: tagmask segment /,
    )
    await segmentStage(stage)
    const deep = join(folderOf(), 'd'.repeat(200))
    await mkdir(deep)
    await copyFile(join(folderOf(), 'one.png'), join(deep, `${'e'.repeat(100)}.png`))
    expect(await predict(stage, { crf: true, overlays: true })).toBe(3)
    expect((await readdir(join(folder, 'out'))).sort()).toEqual([
      expect.stringMatching(/^d{100,}.*\.png$/), // 300 characters were shortened
      'labels.json',
      'labels.txt',
      'one.png',
      'overlays',
      'report',
      'report.html',
      'tagmask-masks.jsonl',
      'trip__wide.png',
    ])
    expect(await readFile(join(folder, 'out', 'labels.txt'), 'utf8')).toBe(
      '0\t#000000\tbackground\n1\t#800000\tcat\n2\t#008000\tdog\n',
    )
    for (const [id, width, height] of [
      ['one', 1, 30],
      ['trip__wide', 70, 9],
    ] as const) {
      expect(await readLabelMap(join(folder, 'out', `${id}.png`))).toMatchObject({ width, height })
      expect(await readImage(join(folder, 'out', 'overlays', `${id}.png`))).toMatchObject({ width, height })
    }
    const text = lines.join('')
    expect(text).toMatch(
      /warning: predict: 1 of 4 images could not be used: .*broken\.jpg: cannot be decoded/,
    )
    expect(text).toContain('4/4 images')
    expect(text).toContain('with their colours in labels.txt: 0 background, 1 cat, 2 dog\n')
  })

  it('keeps masks of the same weights and settings, and refuses others unless forced', async () => {
    const stage = await context(['segment.epochs=1'])
    await segmentStage(stage)
    await predict(stage)
    const file = join(folder, 'out', 'one.png')
    const made = await readFile(file)
    expect(await predict(stage)).toBe(2)
    expect(lines.join('')).toContain('2 of 3 masks were there before\n')
    const other = { ...stage, recipe: { ...stage.recipe, predict: { ...stage.recipe.predict, flip: false } } }
    await expect(predict(other)).rejects.toThrow(
      'holds 2 masks that were made with other settings: one.png, trip__wide.png; nothing was changed; ' +
        'give another --out, or --force to recompute them',
    )
    await predict(other, { force: true })
    await expect(predict(stage)).rejects.toThrow(/made with other settings/)
    await predict(stage, { force: true })
    expect(await readFile(file)).toEqual(made)
    const weights = join(run.segmentCheckpoints, 'last.safetensors')
    const bytes = await readFile(weights)
    bytes[bytes.length - 1]! ^= 1
    await writeFile(weights, bytes)
    await expect(predict(stage)).rejects.toThrow(
      /holds 2 masks that were made with other weights of this run: /,
    )
  })

  it('never writes over the photos, and ends with an error when too many cannot be read', async () => {
    const stage = await context(['segment.epochs=1'])
    await segmentStage(stage)
    const photo = await readFile(join(folderOf(), 'one.png'))
    for (const [out, problem] of [
      [folderOf(), 'is the folder of the images'],
      [join(folderOf(), 'masks'), `lies in the folder of the images ${folderOf()}`],
      [run.root, 'is a run folder'],
      [run.masks, `lies among the files of the run ${await realpath(run.root)}`],
    ] as const) {
      await expect(predict(stage, { out, force: true })).rejects.toThrow(
        `${out} (--out): ${problem}; nothing was changed; give a new or empty folder elsewhere`,
      )
    }
    expect(await readFile(join(folderOf(), 'one.png'))).toEqual(photo)
    await writeFile(join(folderOf(), 'one.png'), 'broken')
    await expect(predict(stage)).rejects.toThrow(
      /^predict \(data\.maxLost\): 2 of 3 images could not be used, /,
    )
    await writeFile(join(folderOf(), 'trip', 'wide.jpg'), '')
    await expect(predict(stage)).rejects.toThrow(
      /^predict \(data\.maxLost\): 3 of 3 images could not be used, /,
    )
    expect(lines.join('')).not.toContain('masks in ')
  })
})
