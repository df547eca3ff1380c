import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeEach, describe, expect, it } from 'vitest'
import { openDataset } from '../../../data/dataset.ts'
import { randomStream } from '../../../data/random.ts'
import { readLabelMap, writeLabelMap } from '../../../io/indexed-png.ts'
import { UNSURE } from '../../../io/label-values.ts'
import { readSafetensors } from '../../../io/safetensors.ts'
import { fromFloat32 } from '../../../io/tensor-data.ts'
import { LABEL_CRF } from '../../../refine/crf-parameters.ts'
import { checkpointFiles, saveWeights } from '../../../train/checkpoint.ts'
import { createLog, type Log } from '../../../train/log.ts'
import { writeCams } from '../../images/cam-file.ts'
import { buildMethod } from '../../networks/build-method.ts'
import { parseRecipe } from '../../recipe/load.ts'
import { parseSet } from '../../recipe/overrides.ts'
import { openRunFolder, type RunFolder } from '../../run/run-folder.ts'
import { Interrupted, type Stage, type StageContext } from '../../run/stage.ts'
import { affinityStage } from '../affinity/affinity.ts'
import { thresholdOfCams } from '../evaluate/threshold-of-cams.ts'
import { refineStage } from './refine.ts'
import type { RefineScoresFile } from './refine-scores.ts'

// Images of 40 x 32 pixels, red on the left and blue on the right. The cat is all that is red; its map is strong on the
// first 12 columns, weak up to the 24th, and gone beyond.
const SIZE = { width: 40, height: 32 }
const IDS = Array.from({ length: 8 }, (_, i) => `p${i}`)
const edgeOf = (i: number): number => 18 + 2 * (i % 3)
const MODEL = 'model={width: {embedDim: 12, depth: 3, heads: 2}, imageSize: 32, patchSize: 8}'
const SMALL = [
  'affinity={cropSize: 32, batchSize: 4, epochs: 40, optimiser: {kind: adamw, lr: 2e-3}, radius: 3, augment: {jitter: false}}',
  'data.workers=1',
  'threads=1',
]

let folder = ''
let run: RunFolder
let lines: string[] = []
let log: Log

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-'))
  await mkdir(join(folder, 'data', 'images'), { recursive: true })
  await mkdir(join(folder, 'data', 'masks'))
  for (const [i, id] of IDS.entries()) await writeImage(id, { ...SIZE, edge: edgeOf(i) })
  lines = []
  log = createLog({ stream: { write: text => lines.push(text) }, env: {} })
  return () => rm(folder, { recursive: true, force: true })
})

async function writeImage(
  id: string,
  { width, height, edge }: { width: number; height: number; edge: number },
): Promise<void> {
  const random = randomStream(width, edge)
  const left = (i: number): boolean => i % width < edge
  const pixels = Buffer.from(
    Array.from({ length: width * height }, (_, i) => {
      const noise = random.integer(0, 30)
      return left(i) ? [200 + noise, 40 + noise, 40] : [30, 60 + noise, 200 + noise]
    }).flat(),
  )
  await sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toFile(join(folder, 'data', 'images', `${id}.png`))
  const data = Uint8Array.from({ length: width * height }, (_, i) => (left(i) ? 1 : 0))
  await writeLabelMap(join(folder, 'data', 'masks', `${id}.png`), { width, height, data })
}

async function writeMap(id: string, { width, height }: { width: number; height: number }): Promise<void> {
  const cam = Float32Array.from({ length: width * height }, (_, i) => {
    const x = i % width
    return x < 12 ? 0.9 : x < 24 ? 0.3 : 0.02
  })
  const file = join(run.maps, `${id}.safetensors`)
  await writeCams(file, { cam: fromFloat32(cam, [1, height, width]), classes: [0] })
}

/** A run whose stages train, maps and evaluate are done. */
async function prepare(ids: readonly string[], ...set: string[]): Promise<StageContext> {
  const root = join(folder, 'data')
  await writeFile(join(root, 'tags.csv'), `file,tags\n${ids.map(id => `${id}.png,cat\n`).join('')}`)
  const settings = [`data.root=${root}`, MODEL, ...SMALL, ...set].map(parseSet)
  const recipe = parseRecipe('method: mctformer\nmaps: { layers: 3 }\n', 'x', settings)
  run = await openRunFolder(join(folder, 'run'), recipe)
  const dataset = await openDataset(root)
  if ((await readdir(run.maps)).length === 0) {
    for (const id of ids) {
      const { width, height } = await readLabelMap(join(root, 'masks', `${id}.png`))
      await writeMap(id, { width, height })
      const seed = { width, height, data: new Uint8Array(width * height).fill(1) }
      await writeLabelMap(join(run.masks, `${id}.png`), seed)
    }
    const method = await buildMethod(recipe, { numClasses: 1 })
    await saveWeights(checkpointFiles(run.checkpoints).last, method.network, {})
    method.network.dispose()
  }
  return { recipe, run, dataset, valDataset: undefined, signal: new AbortController().signal, log }
}

async function scores(): Promise<RefineScoresFile> {
  return JSON.parse(await readFile(run.refineScores, 'utf8')) as RefineScoresFile
}

async function go(context: StageContext, ...stages: Stage[]): Promise<void> {
  for (const stage of stages) await stage(context)
}

describe('stage refine', () => {
  it('none: the masks of evaluate are the pseudo masks', async () => {
    await go(await prepare(IDS), refineStage)
    for (const id of IDS)
      expect(await readFile(join(run.pseudoMasks, `${id}.png`))).toEqual(
        await readFile(join(run.masks, `${id}.png`)),
      )
  })

  it('crf: masks follow the colours, scored as seed+crf with the background score that was given', async () => {
    await go(await prepare(IDS, 'refine.method=crf', 'refine.background=0.35'), refineStage)
    const [score] = (await scores()).scores
    expect(score).toMatchObject({
      metric: 'seed+crf',
      split: 'train',
      images: 8,
      threshold: { value: 0.35, choice: { how: 'given' } },
    })
    expect(score!.miou).toBeGreaterThan(99)
    expect(await readFile(run.refineTable, 'utf8')).toContain(
      'seed+crf mIoU on train (8 images), threshold 0.35, given',
    )
  })

  it('par: masks follow the colours, scored as seed+par', async () => {
    const set = ['refine.method=par', 'refine.background=0.35', 'refine.par.iterations=40']
    await go(await prepare(IDS, ...set), refineStage)
    const [score] = (await scores()).scores
    expect(score).toMatchObject({ metric: 'seed+par', images: 8, threshold: { value: 0.35 } })
    expect(score!.miou).toBeGreaterThan(90) // the CAMs alone: about 55
    const coarse = await prepare(IDS, ...set.slice(0, 2), 'refine.par.iterations=0')
    await rm(run.pseudoMasks, { recursive: true })
    await go(coarse, refineStage)
    expect((await scores()).scores[0]!.miou).toBeLessThan(score!.miou - 10)
  })

  it('chooses the background score by the masks at hand where it is told to, and warns', async () => {
    await go(await prepare(IDS, 'refine.method=crf', 'refine.background=sweep'), refineStage)
    const { scores: found, background } = await scores()
    expect(background).toBeGreaterThan(0.01)
    expect(background).toBeLessThanOrEqual(0.3)
    expect(found[0]!.warnings[0]).toContain('chosen on the same train masks that it is scored on')
  })

  it('sure: beside the pseudo masks, which stay whole, those that leave open what the maps are not sure of', async () => {
    const sure = 'refine.sure={foreground: 0.2, background: 0.3}'
    await go(await prepare(IDS, 'refine.method=crf', 'refine.background=0.35', sure), refineStage)
    for (const id of IDS) {
      const { width, data } = await readLabelMap(join(run.sureMasks, `${id}.png`))
      const known = (x: number): number => (x < 12 ? 1 : x < 24 ? UNSURE : 0)
      expect([...data]).toEqual(Array.from(data, (_, i) => known(i % width)))
      expect([...(await readLabelMap(join(run.pseudoMasks, `${id}.png`))).data]).not.toContain(UNSURE)
    }
  })

  it('names images without maps and goes on; strict ends there', async () => {
    const context = await prepare(IDS, 'refine.method=crf', 'refine.background=0.35')
    await rm(join(run.maps, 'p1.safetensors'))
    await go(context, refineStage)
    expect(lines.join('')).toContain('1 of 8 tagged images without a CAM, left out: p1')
    expect((await readdir(run.pseudoMasks)).length).toBe(7)
    const strict = { ...context, recipe: { ...context.recipe, strict: true } }
    await expect(refineStage(strict)).rejects.toThrow(
      'maps: 1 of 8 tagged images without a CAM: p1; recompute the CAMs: rerun the stage maps',
    )
  })

  it('maps of another size, maps cut short and truths with unknown labels are named, not fatal', async () => {
    const context = await prepare(IDS, 'refine.method=crf', 'refine.background=0.35')
    await writeMap('p0', { width: 20, height: 32 })
    await writeFile(join(run.maps, 'p1.safetensors'), 'torn')
    const truth = join(folder, 'data', 'masks', 'p2.png')
    await writeLabelMap(truth, { ...SIZE, data: new Uint8Array(SIZE.width * SIZE.height).fill(7) })
    await go(context, refineStage)
    const said = lines.join('')
    expect(said).toMatch(
      /warning: pseudo masks: 2 of 8 images could not be used: the CAMs are 20 x 32 pixels: p0; .*: p1/,
    )
    expect(said).toContain(`p2 is left out of the scores: ${truth}: holds the label 7`)
    expect((await scores()).scores[0]!.images).toBe(5)
  })

  it('without masks nothing is scored, and a sweep falls back to the threshold from the CAMs alone', async () => {
    const context = await prepare(IDS, 'refine.method=crf', 'refine.background=sweep')
    await rm(join(folder, 'data', 'masks'), { recursive: true })
    await go({ ...context, dataset: await openDataset(join(folder, 'data')) }, refineStage)
    const background = await thresholdOfCams(run.maps, context)
    expect(background).toBeGreaterThan(0)
    expect(lines.join('')).toContain(
      `no image of train has a mask to choose the background score by: it is ${background}, from the CAMs alone`,
    )
    expect(await scores()).toMatchObject({ scores: [], background })
    expect((await readdir(run.pseudoMasks)).length).toBe(8)
  })

  it.each([
    ['the threshold that the CAMs are made for', 'evaluate.threshold=null'],
    ['what the CAMs suggest, where evaluate takes that', 'evaluate.threshold=cams'],
  ])('or to %s', async (_, threshold) => {
    const context = await prepare(
      IDS,
      'method=cti',
      'model={imageSize: 48}',
      'maps={background: token}',
      'refine.method=crf',
      'refine.background=sweep',
      threshold,
    )
    await rm(join(folder, 'data', 'masks'), { recursive: true })
    await go({ ...context, dataset: await openDataset(join(folder, 'data')) }, refineStage)
    const suggested = await thresholdOfCams(run.maps, context)
    expect(suggested).not.toBe(0.5)
    const background = threshold.endsWith('cams') ? suggested : 0.5
    expect(await scores()).toMatchObject({ scores: [], background })
  })

  it('goes on where it was stopped', async () => {
    const context = await prepare(IDS, 'refine.method=crf', 'refine.background=0.35')
    const aborted = AbortSignal.abort()
    await expect(refineStage({ ...context, signal: aborted })).rejects.toThrow(Interrupted)
    expect(await readdir(run.pseudoMasks)).toEqual([])
    const kept = { ...SIZE, data: new Uint8Array(SIZE.width * SIZE.height).fill(1) }
    await writeLabelMap(join(run.pseudoMasks, 'p3.png'), kept)
    await go(context, refineStage)
    expect((await readLabelMap(join(run.pseudoMasks, 'p3.png'))).data).toEqual(kept.data)
    expect((await readdir(run.pseudoMasks)).length).toBe(8)
  })
})

describe('stages affinity and refine', () => {
  it('learn that red and blue differ, and spread the maps over all that is red', async () => {
    const context = await prepare(IDS, 'refine.method=affinity', 'refine.background=0.39')
    await go(context, affinityStage, refineStage)
    const said = lines.join('')
    expect(said).toMatch(/affinity: weights from .*last\.safetensors \(drawn: f8_3\.weight/)
    const [score] = (await scores()).scores
    expect(score).toMatchObject({
      metric: 'mask',
      images: 8,
      threshold: { value: 0.39, choice: { how: 'given' } },
    })
    expect(score!.miou).toBeGreaterThan(75) // the maps alone: about 55
    const { tensors, metadata } = await readSafetensors(join(run.refined, 'p0.safetensors'))
    expect(tensors.get('cam')!.shape).toEqual([1, 32, 40])
    expect(metadata.classes).toBe('[0]')
    await expect(readFile(run.affinityMetrics, 'utf8')).resolves.toContain('"foreground loss"')
  })

  it('stopped and resumed, AffinityNet has the weights of a training that never stopped', async () => {
    const set = ['refine.method=affinity', 'affinity.epochs=2', 'affinity.checkpointSteps=1']
    const context = await prepare(IDS, ...set)
    await affinityStage(context)
    const whole = await readFile(checkpointFiles(run.affinityCheckpoints).last)
    await rm(run.affinityCheckpoints, { recursive: true })
    const controller = new AbortController()
    const stopping = createLog({
      env: {},
      stream: {
        write: text => {
          if (text.includes('affinity: weights')) controller.abort()
        },
      },
    })
    await expect(affinityStage({ ...context, signal: controller.signal, log: stopping })).rejects.toThrow(
      Interrupted,
    )
    await affinityStage(context)
    expect(lines.join('')).toContain('affinity: resumed at epoch 1')
    expect(await readFile(checkpointFiles(run.affinityCheckpoints).last)).toEqual(whole)
  })

  it('images one pixel wide or high are trained on and walked', async () => {
    await writeImage('thin', { width: 1, height: 30, edge: 1 })
    await writeImage('flat', { width: 30, height: 1, edge: 15 })
    const context = await prepare(
      ['thin', 'flat', ...IDS.slice(0, 2)],
      'refine.method=affinity+crf',
      'affinity.epochs=1',
    )
    await go(context, affinityStage, refineStage)
    const thin = await readLabelMap(join(run.pseudoMasks, 'thin.png'))
    expect([thin.width, thin.height]).toEqual([1, 30])
    expect((await readdir(run.pseudoMasks)).length).toBe(4)
    expect(lines.join('')).not.toContain('has no')
  })

  it('edge: learn the border from labels at two thresholds, and spread the maps up to it', async () => {
    const edge = ['affinity.network=edge', 'affinity.labels.thresholds={foreground: 0.2, background: 0.25}']
    const walk = ['refine.walk={beta: 10, logt: 8}', 'affinity.augment.longSide=[32, 48]']
    const context = await prepare(IDS, 'refine.method=affinity', 'refine.background=0.25', ...edge, ...walk)
    await go(context, affinityStage, refineStage)
    const { data } = await readLabelMap(join(run.affinityLabels, 'p0.png'))
    const share = (label: number): number => data.filter(found => found === label).length / data.length
    expect(share(1)).toBeGreaterThan(0.3)
    expect(share(0)).toBeGreaterThan(0.3)
    const [score] = (await scores()).scores
    expect(score).toMatchObject({ metric: 'mask', images: 8 })
    expect(score!.miou).toBeGreaterThan(75) // the maps alone: about 55
    const { tensors } = await readSafetensors(join(run.refined, 'p0.safetensors'))
    expect(tensors.get('cam')!.shape).toEqual([1, 32, 40])
    const weights = await readSafetensors(checkpointFiles(run.affinityCheckpoints).last)
    const trained = await readSafetensors(checkpointFiles(run.checkpoints).last)
    const frozen = 'blocks.1.mlp.fc1.weight'
    expect(weights.tensors.get(frozen)).toEqual(trained.tensors.get(frozen))
    expect([...weights.tensors.keys()]).toContain('fc_edge6.weight')
  })

  it('refuses weights of another architecture, by the file', async () => {
    const other = ['affinity.backbone=deit-ti', 'affinity.cropSize=48']
    const context = await prepare(IDS, 'refine.method=affinity', ...other)
    const { last: weights } = checkpointFiles(run.checkpoints)
    const recipe = { ...context.recipe, affinity: { ...context.recipe.affinity, weights } }
    await expect(affinityStage({ ...context, recipe })).rejects.toThrow(
      `${weights} (blocks): weights of another architecture: 3 blocks of width 12; the backbone has 12 blocks of width 192`,
    )
  })
})

describe('sections refine and affinity', () => {
  const parse =
    (...set: string[]) =>
    () =>
      parseRecipe('method: mctformer\n', 'x', set.map(parseSet))

  it.each([
    ['refine.crf.gaussian={sxy: 0, compat: 3}', 'refine.crf.gaussian.sxy'],
    ['refine.crf.bilateral={sxy: 80, srgb: -1, compat: 10}', 'refine.crf.bilateral.srgb'],
    ['affinity.labels.crf.iterations=-1', 'affinity.labels.crf.iterations'],
    ['affinity.labels.low=0', 'affinity.labels.low'],
    ['refine.walk.beta=-8', 'refine.walk.beta'],
    ['refine.par.dilations=[]', 'refine.par.dilations'],
    ['refine.par.w1=0', 'refine.par.w1'],
    ['refine.background=1.5', 'refine.background'],
    ['refine.method=crff', 'refine.method'],
  ])('%s is refused', (set, key) => {
    expect(parse(set)).toThrow(key)
  })

  it('the crop is whole patches and large enough for a pair, where AffinityNet is asked for', () => {
    expect(parse('refine.method=affinity', 'affinity.cropSize=100')).toThrow(
      'is not a multiple of 16; expected whole patches of model',
    )
    expect(parse('refine.method=affinity', 'affinity.pairs=published', 'affinity.cropSize=64')).toThrow(
      'has no pair of radius 5; expected at least 80',
    )
    expect(parse('affinity.cropSize=100')).not.toThrow()
    const edge = [
      'refine.method=affinity',
      'affinity.network=edge',
      'affinity.radius=10',
      'affinity.pairs=published',
    ]
    expect(parse(...edge, 'affinity.cropSize=64')).toThrow('has no pair of radius 10; expected at least 80')
    expect(parse(...edge, 'affinity.backbone=resnet50', 'affinity.cropSize=88')).toThrow(
      'is not a multiple of 16; expected whole patches of resnet50',
    )
  })

  it("SemFormer's published affinities can be written down", () => {
    const published = [
      'affinity={network: edge, backbone: resnet50, labels: {thresholds: {}}, radius: 10, pairs: published, cropSize: 512, epochs: 3, batchSize: 32, headFactor: 1}',
      'affinity.optimiser={kind: sgd, lr: 0.1, weightDecay: 1e-4, nesterov: true, momentumBug: true}',
      'affinity.augment.longSide=[320, 640]',
      'refine={method: affinity+crf, background: 0.25, unary: labels, walk: {beta: 10, logt: 8, radius: 5, relativeTo: highest}}',
      'refine.crf={iterations: 1, gaussian: {sxy: 3, compat: 3}, bilateral: {sxy: 50, srgb: 5, compat: 10}}',
    ]
    const { affinity } = parse(...published)()
    expect(affinity.labels.thresholds).toEqual({
      foreground: 0.11,
      background: 0.15,
      gtProb: 0.7,
      crf: LABEL_CRF,
    })
  })

  it('resnet50 draws edges, and sizes are drawn where there are labels to resize', () => {
    expect(parse('refine.method=affinity', 'affinity.backbone=resnet50')).toThrow(
      '(affinity.backbone): "resnet50" is for affinity.network edge alone; expected model, resnet38 or deit-*',
    )
    expect(parse('refine.method=affinity', 'affinity.augment.longSide=[320, 640]')).toThrow(
      '(affinity.augment.longSide): [320,640] needs affinity.labels.thresholds; expected null',
    )
  })
})
