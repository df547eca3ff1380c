/** @file Stage `segment`: from pseudo masks to a trained segmentation network. */
import { mkdir } from 'node:fs/promises'
import { type LabelledLoaderOptions, openLabelledLoader } from '../../data/labelled-loader.ts'
import type { Picture } from '../../data/picture.ts'
import { InputError } from '../../errors.ts'
import type { Losses } from '../../methods/index.ts'
import { gradientClippingLoss, segmentationLoss } from '../../models/segmentation/index.ts'
import { Segmenter, segmenterGroups } from '../../models/segmenter/index.ts'
import {
  adamw,
  decayGroups,
  type Optimiser,
  type ParameterGroup,
  polyFloor,
  polySgdMomentum,
  sgd,
} from '../../optim/index.ts'
import { fromData, type Tensor, tensor } from '../../torch/index.ts'
import { startBackbone } from '../build-backbone.ts'
import { prepareTorch } from '../build-method.ts'
import { buildSegmentation, type LabelNetwork, shownTo, writeLabelNames } from '../build-segmentation.ts'
import type { Recipe } from '../recipe/schema.ts'
import type { SegmentRecipe } from '../recipe/segment.ts'
import type { StageContext } from '../stage.ts'
import { trainNetwork } from '../train-network.ts'
import { pseudoMaskFile, withPseudoMasks } from './pseudo-masks.ts'

const NEVER = -1e4 // added to a log probability

/** Writes segment/ (state, last weights, names of the labels) and segment-metrics.jsonl; goes on from the state where there is one. */
export async function segmentStage(context: StageContext): Promise<void> {
  const { recipe, dataset, run, log } = context
  const { segment: settings, seed, strict } = recipe
  if (settings === null)
    throw new InputError('segment', 'is null', { expected: 'a recipe with this section' })
  const unsure = recipe.refine.sure !== null
  const masks = unsure ? run.sureMasks : run.pseudoMasks
  const pictures = await withPseudoMasks(context, { folder: masks, unsure })
  const device = prepareTorch(recipe)
  const labels = dataset.classes.length + 1
  const network = buildSegmentation(recipe, settings, { labels })
  await startBackbone(network, settings, { recipe, run, log, stage: 'segment' })
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
    const rate = polyFloor({
      lr: settings.optimiser.lr,
      minLr: settings.minLr,
      steps: epochs * loader.batches,
      power: settings.power,
    })
    await trainNetwork(context, settings, {
      title: 'segment',
      network,
      losses({ images, labels: wanted, pictures: shown, size }) {
        const pixels = tensor(images, [size, 3, cropSize, cropSize]).to({ device })
        const shape = [size, cropSize, cropSize]
        const target = fromData({ dtype: 'uint8', shape, data: wanted }).to({ device, dtype: 'int64' })
        const candidates = unsure ? candidatesOf(shown, labels).to({ device }) : undefined
        return lossesOf(network.forward(pixels), target, { ...settings, candidates })
      },
      optimiser: buildOptimiser(network, settings),
      learningRate: ({ step }) => rate(step),
      loader,
      checkpoints: run.segmentCheckpoints,
      metrics: run.segmentMetrics,
    })
  } finally {
    await loader.close()
    network.dispose()
  }
}

/** logits [B, labels, h, w], wanted [B, S, S] */
function lossesOf(
  logits: Tensor,
  wanted: Tensor,
  { clipping, candidates }: Pick<SegmentRecipe, 'clipping'> & { candidates: Tensor | undefined },
): Losses {
  if (clipping === null) return { total: segmentationLoss(logits, wanted, { candidates }), parts: {} }
  const { total, unclipped } = gradientClippingLoss(logits, wanted, clipping)
  return { total, parts: { 'unclipped loss': unclipped } }
}

/** What unsure pixels may be, [B, labels]: the background and their picture's tags. */
function candidatesOf(pictures: readonly Picture[], labels: number): Tensor {
  const values = new Float32Array(pictures.length * labels).fill(NEVER)
  for (const [i, { tags }] of pictures.entries())
    for (const label of [0, ...tags.map(tag => tag + 1)]) values[i * labels + label] = 0
  return tensor(values, [pictures.length, labels])
}

function buildOptimiser(network: LabelNetwork, settings: SegmentRecipe): Optimiser {
  const groups = groupsOf(network, settings)
  const { optimiser } = settings
  if (optimiser.kind === 'adamw') return adamw(groups)
  return sgd(groups, { momentum: polySgdMomentum(optimiser), nesterov: optimiser.nesterov })
}

/** The head starts from nothing and learns faster; as published, it is also what SGD's groups are told apart by. */
function groupsOf(
  network: LabelNetwork,
  { optimiser, headFactor, layerDecay }: SegmentRecipe,
): ParameterGroup[] {
  const handed = optimiser.kind === 'sgd' && optimiser.handed === 'published'
  const weightDecay = handed ? 0 : optimiser.weightDecay
  const faster = (group: ParameterGroup): ParameterGroup => ({
    ...group,
    lrScale: (group.lrScale ?? 1) * headFactor,
  })
  if (network instanceof Segmenter)
    return segmenterGroups(network, { weightDecay, encoderLr: 1 / headFactor, layerDecay }).map(faster)
  const { backbone, head } = network
  if (optimiser.kind === 'adamw') {
    const options = { weightDecay, noDecay: new Set(['pos_embed', 'cls_token']) }
    return [...decayGroups(backbone.network, options), ...decayGroups(head, options).map(faster)]
  }
  return [
    { parameters: backbone.network.parameters(), weightDecay },
    faster({ parameters: head.parameters(), weightDecay }),
  ]
}

function transformOf(recipe: Recipe, { augment }: SegmentRecipe): LabelledLoaderOptions['transform'] {
  const { cropSize, normalisation } = shownTo(recipe)
  const common = { cropSize, ...normalisation }
  if (augment.kind === 'rescale') return { retrain: { ...augment, ...common } }
  return { segment: { ...augment, ...common } }
}
