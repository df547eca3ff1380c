/** @file Online retraining in small: a Segmenter from a run's own classification network, trained with gradient clipping, asked through windows. */
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDataset } from '../../../data/dataset.ts'
import { randomStream } from '../../../data/random.ts'
import { writeImage } from '../../../io/image.ts'
import { readLabelMap, writeLabelMap } from '../../../io/indexed-png.ts'
import { checkpointFiles, saveWeights } from '../../../train/checkpoint.ts'
import { createLog } from '../../../train/log.ts'
import { readMetrics } from '../../../train/metrics.ts'
import { predictImages } from '../../images/predict-images.ts'
import { buildMethod } from '../../networks/build-method.ts'
import { loadLabelNetwork, shownTo } from '../../networks/build-segmentation.ts'
import { parseRecipe } from '../../recipe/load.ts'
import { openRunFolder, type RunFolder } from '../../run/run-folder.ts'
import type { StageContext } from '../../run/stage.ts'
import { WAYS, type Way } from '../predict/prediction-file.ts'
import { segmentStage } from './segment.ts'

/** Below what it costs to call everything background: pixels of things are expensive at first, and would never be learned. */
const CLIPS_BELOW = 0.4

const RECIPE = `
method: weaktr
model:
  { width: { embedDim: 32, depth: 2, heads: 2 }, imageSize: 32, patchSize: 4, dropPath: 0, fusion: { kind: aaf, reduction: 2 } }
data: { layout: folder, workers: 1 }
segment:
  network: segmenter
  cropSize: 32
  epochs: 40
  batchSize: 8
  optimiser: { kind: adamw, lr: 1e-3 }
  headFactor: 2
  clipping: { startValue: ${CLIPS_BELOW}, patchSize: 8 }
  augment: { kind: rescale, shortSide: 32, photometric: false }
  logEvery: 1
predict: { scales: [1, 1.5], crfLabels: best, windows: { blockEnsemble: 0.8 } }
threads: 1
`

let folder: string
let run: RunFolder
let context: StageContext
const lines: string[] = []

/** Red and green squares on grey, 32 x 40 pixels; masks tell which. */
async function drawSquares(root: string, count: number): Promise<void> {
  const [width, height] = [40, 32]
  for (const name of ['images', 'masks']) await mkdir(join(root, name), { recursive: true })
  const rows = ['file,tags']
  for (let i = 0; i < count; i++) {
    const random = randomStream(5, i)
    const data = new Uint8Array(3 * width * height).map(() => 110 + random.integer(0, 20))
    const labels = new Uint8Array(width * height)
    for (const label of [1, 2]) {
      const side = random.integer(10, 16)
      const [left, top] = [random.integer(0, width - side), random.integer(0, height - side)]
      for (let y = top; y < top + side; y++)
        for (let x = left; x < left + side; x++) {
          labels[y * width + x] = label
          data.set(label === 1 ? [220, 40, 40] : [40, 200, 40], 3 * (y * width + x))
        }
    }
    await writeImage(join(root, 'images', `${i}.png`), { width, height, data })
    await writeLabelMap(join(root, 'masks', `${i}.png`), { width, height, data: labels })
    rows.push(`${i}.png,red;green`)
  }
  await writeFile(join(root, 'tags.csv'), `${rows.join('\n')}\n`)
}

/** A run whose classification network was never trained, and whose pseudo masks are the true ones. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-segmenter-'))
  const root = join(folder, 'data')
  await drawSquares(root, 24)
  const recipe = parseRecipe(RECIPE.replace('data: {', `data: { root: ${root},`), 'x.yaml', [])
  run = await openRunFolder(join(folder, 'run'), recipe)
  const dataset = await openDataset(root, { split: 'train' })
  const { network } = await buildMethod(recipe, { numClasses: dataset.classes.length })
  await mkdir(run.checkpoints, { recursive: true })
  await saveWeights(checkpointFiles(run.checkpoints).last, network, {})
  network.dispose()
  await mkdir(run.pseudoMasks, { recursive: true })
  for (const { id, mask } of dataset.samples) await copyFile(mask!, join(run.pseudoMasks, `${id}.png`))
  context = {
    recipe,
    dataset,
    valDataset: undefined,
    run,
    signal: new AbortController().signal,
    log: createLog({ stream: { write: text => lines.push(text) }, env: {} }),
  }
})

afterAll(() => rm(folder, { recursive: true }))

test('it starts from the classification network, learns, and finds the things', {
  timeout: 120_000,
}, async () => {
  await segmentStage(context)
  const started = lines.find(line => line.includes('segment: weights from'))!
  expect(started).toContain('drawn: encoder.head.weight, encoder.head.bias, decoder.cls_emb')
  const steps = (await readMetrics(run.segmentMetrics)).filter(({ kind }) => kind === 'step')
  const losses = steps.map(step => [Number(step.loss), Number(step['unclipped loss'])] as const)
  for (const [loss, unclipped] of losses) {
    if (unclipped > CLIPS_BELOW) expect(loss).toBe(unclipped)
    else expect(loss).toBeLessThan(unclipped)
  }
  expect(losses[0]![1]).toBeGreaterThan(CLIPS_BELOW)
  expect(losses.at(-1)![1]).toBeLessThan(CLIPS_BELOW)

  const { background, right } = await agreement()
  expect([...right.keys()]).toEqual(['single', 'ms', 'ms-crf'])
  for (const [way, share] of right) expect(share, way).toBeGreaterThan((1 + background) / 2)
})

/** Share of all pixels that are background, and that have their true label by each way of predicting. */
async function agreement(): Promise<{ background: number; right: ReadonlyMap<Way, number> }> {
  const { recipe, dataset } = context
  const { network } = await loadLabelNetwork(recipe, run)
  const hits = new Map<Way, number>()
  let [background, all] = [0, 0]
  try {
    const predictions = predictImages(network, dataset.samples, {
      ...recipe.predict,
      ...shownTo(recipe),
      ways: WAYS,
      workers: 1,
      device: 'cpu',
      precision: 'fp32',
      strict: true,
      onBadImage: () => undefined,
      log: context.log,
    })
    for await (const { sample, labels } of predictions) {
      const truth = await readLabelMap(sample.mask!)
      background += truth.data.filter(label => label === 0).length
      all += truth.data.length
      for (const [way, { width, height, data }] of labels) {
        expect([width, height]).toEqual([truth.width, truth.height])
        const same = data.filter((label, i) => label === truth.data[i]).length
        hits.set(way, (hits.get(way) ?? 0) + same)
      }
    }
  } finally {
    network.dispose()
  }
  return { background: background / all, right: new Map([...hits].map(([way, count]) => [way, count / all])) }
}
