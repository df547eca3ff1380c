/** @file Stage `segment`: from pseudo masks to a trained segmentation network. */
import { mkdir } from 'node:fs/promises'
import { openLabelledLoader } from '../../data/labelled-loader.ts'
import type { SegmentTransform } from '../../data/transforms/segment.ts'
import { InputError } from '../../errors.ts'
import { type SegmentationNetwork, segmentationLoss } from '../../models/segmentation/index.ts'
import {
  adamw,
  decayGroups,
  type Optimiser,
  type ParameterGroup,
  polySgdMomentum,
  polyStep,
  sgd,
} from '../../optim/index.ts'
import { fromData, tensor } from '../../torch/index.ts'
import { TrainingStopped, train } from '../../train/loop.ts'
import { startBackbone } from '../build-backbone.ts'
import { prepareTorch } from '../build-method.ts'
import { buildSegmentation, writeLabelNames } from '../build-segmentation.ts'
import type { Recipe } from '../recipe/schema.ts'
import type { SegmentRecipe } from '../recipe/segment.ts'
import { Interrupted, type StageContext } from '../stage.ts'
import { pseudoMaskFile, withPseudoMasks } from './pseudo-masks.ts'

/** Writes segment/ (state, last weights, names of the labels) and segment-metrics.jsonl; goes on from the state where there is one. */
export async function segmentStage(context: StageContext): Promise<void> {
  const { recipe, dataset, run, signal, log } = context
  const { segment: settings, seed, precision, strict } = recipe
  if (settings === null)
    throw new InputError('segment', 'is null', { expected: 'a recipe with this section' })
  const masks = run.masks
  const pictures = await withPseudoMasks(context, masks)
  const device = prepareTorch(recipe)
  const labels = dataset.classes.length + 1
  const network = buildSegmentation(recipe, settings, { labels })
  await startBackbone(network, settings, { run, log, stage: 'segment' })
  network.to(device)
  await mkdir(run.segmentCheckpoints, { recursive: true })
  await writeLabelNames(run, dataset.classes)
  const { cropSize, batchSize, epochs } = settings
  const loader = openLabelledLoader(pictures, {
    batchSize,
    seed,
    transform: transformOf(recipe, settings),
    labelFile: picture => pseudoMaskFile(masks, picture),
    workers: recipe.data.workers ?? 1,
    cacheBytes: recipe.data.cacheMegabytes * 1e6,
    strict,
    onBadPicture: ({ id }, error) => log.warn(`${id} is left out: ${error.message}`),
  })
  try {
    const rate = polyStep({
      lr: settings.optimiser.lr,
      steps: epochs * loader.batches,
      power: settings.power,
    })
    await train({
      title: 'segment',
      network,
      losses({ images, labels: wanted, size }) {
        const pixels = tensor(images, [size, 3, cropSize, cropSize]).to({ device })
        const shape = [size, cropSize, cropSize]
        const target = fromData({ dtype: 'uint8', shape, data: wanted }).to({ device, dtype: 'int64' })
        return { total: segmentationLoss(network.forward(pixels), target), parts: {} }
      },
      optimiser: buildOptimiser(network, settings),
      learningRate: ({ step }) => rate(step),
      loader,
      epochs,
      precision,
      device,
      checkpoints: run.segmentCheckpoints,
      metrics: run.segmentMetrics,
      checkpointMinutes: settings.checkpointMinutes,
      checkpointSteps: settings.checkpointSteps,
      logEvery: settings.logEvery,
      signal,
      log,
    })
  } catch (error) {
    throw error instanceof TrainingStopped ? new Interrupted(error.message) : error
  } finally {
    await loader.close()
    network.dispose()
  }
}

/** The head starts from nothing and learns faster; as published, it is also what SGD's groups are told apart by. */
function buildOptimiser(
  { backbone, head }: SegmentationNetwork,
  { optimiser: settings, headFactor }: SegmentRecipe,
): Optimiser {
  const faster = (group: ParameterGroup): ParameterGroup => ({ ...group, lrScale: headFactor })
  if (settings.kind === 'adamw') {
    const options = { weightDecay: settings.weightDecay, noDecay: new Set(['pos_embed', 'cls_token']) }
    return adamw([...decayGroups(backbone.network, options), ...decayGroups(head, options).map(faster)])
  }
  const weightDecay = settings.handed === 'published' ? 0 : settings.weightDecay
  const groups = [
    { parameters: backbone.network.parameters(), weightDecay },
    faster({ parameters: head.parameters(), weightDecay }),
  ]
  return sgd(groups, { momentum: polySgdMomentum(settings) })
}

function transformOf({ normalise }: Recipe, { cropSize, augment }: SegmentRecipe): SegmentTransform {
  return { cropSize, ...augment, ...normalise }
}
