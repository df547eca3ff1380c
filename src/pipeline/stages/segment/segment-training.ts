/** @file One training of the segmentation network on label PNGs. Part of the stage `segment`. */
import { mkdir } from 'node:fs/promises'
import { type LabelledLoaderOptions, openLabelledLoader } from '../../../data/labelled-loader.ts'
import type { Sample } from '../../../data/sample.ts'
import type { TrainableLabelNetwork } from '../../../models/label-network.ts'
import { gradientClippingLoss, segmentationLoss } from '../../../models/segmentation/index.ts'
import type { Losses } from '../../../nn/index.ts'
import { adamw, type Optimiser, polyFloor, polySgdMomentum, sgd } from '../../../optim/index.ts'
import { fromData, type Tensor, tensor } from '../../../torch/index.ts'
import { startBackbone } from '../../networks/build-backbone.ts'
import { prepareTorch } from '../../networks/build-method.ts'
import { buildSegmentation, shownTo } from '../../networks/build-segmentation.ts'
import type { Recipe } from '../../recipe/schema.ts'
import type { SegmentRecipe } from '../../recipe/segment.ts'
import type { StageContext } from '../../run/stage.ts'
import { type Later, withCleanUp } from '../../training/clean-up.ts'
import { runTraining } from '../../training/run-training.ts'
import { sayIfOneBatch } from '../../training/training-length.ts'
import { pseudoMaskFile, withPseudoMasks } from '../refine/pseudo-masks.ts'

/** The labels of a training, and the files of its weights and metrics. */
export interface SegmentTraining {
  /** Its name in the progress. */
  readonly title: string
  /** The recipe's keys of its batch size and learning rate, for messages. */
  readonly keys: { readonly batchSize: string; readonly lr: string }
  /** Folder of label PNGs; `unsure`: whether pixels may be 254. */
  readonly masks: { readonly folder: string; readonly unsure: boolean }
  readonly checkpoints: string
  readonly metrics: string
  /** Folder of its events for TensorBoard. */
  readonly events: string
}

/**
 * Trains to the end, resuming from an existing state, and passes the trained network to `then`, in eval mode.
 * Throws Interrupted after an abort.
 */
export function trainSegmentation(
  context: StageContext,
  settings: SegmentRecipe,
  training: SegmentTraining,
  then?: (network: TrainableLabelNetwork) => Promise<void>,
): Promise<void> {
  return withCleanUp(later => trainOn(context, { settings, ...training, then, later }))
}

async function trainOn(
  context: StageContext,
  {
    settings,
    title,
    keys,
    masks,
    checkpoints,
    metrics,
    events,
    then,
    later,
  }: SegmentTraining & {
    readonly settings: SegmentRecipe
    readonly then: ((network: TrainableLabelNetwork) => Promise<void>) | undefined
    readonly later: Later
  },
): Promise<void> {
  const { dataset, run, log } = context
  const recipe = { ...context.recipe, seed: settings.seed ?? context.recipe.seed }
  const samples = await withPseudoMasks(context, masks)
  const device = prepareTorch(recipe)
  const labels = dataset.classes.length + 1
  const network = buildSegmentation(recipe, settings, { labels })
  later(() => network.dispose())
  await startBackbone(network, settings, { recipe, run, checkpoints, log, stage: 'segment' })
  network.to(device)
  await mkdir(checkpoints, { recursive: true })
  const { cropSize, batchSize } = settings
  sayIfOneBatch(samples, { batchSize, title, key: keys.batchSize, log })
  await runTraining(context, {
    title,
    keys,
    settings,
    network,
    openLoader: options =>
      openLabelledLoader(samples, {
        ...options,
        seed: recipe.seed,
        dropLast: settings.dropLast,
        transform: transformOf(recipe, settings),
        labelFile: sample => pseudoMaskFile(masks.folder, sample),
      }),
    losses({ images, labels: wanted, samples: shown, size }) {
      const pixels = tensor(images, [size, 3, cropSize, cropSize]).to({ device })
      const shape = [size, cropSize, cropSize]
      const target = fromData({ dtype: 'uint8', shape, data: wanted }).to({ device, dtype: 'int64' })
      const candidates = masks.unsure ? candidatesOf(shown, labels).to({ device }) : undefined
      return lossesOf(network.forward(pixels), target, { ...settings, candidates })
    },
    optimiser: () => buildOptimiser(network, settings),
    learningRate({ steps }) {
      const { optimiser, minLr, power } = settings
      const rate = polyFloor({ lr: optimiser.lr, minLr, steps, power })
      return ({ step }) => rate(step)
    },
    checkpoints,
    metrics,
    events,
  })
  network.eval()
  await then?.(network)
}

/** logits [B, labels, h, w], wanted [B, S, S] */
function lossesOf(
  logits: Tensor,
  wanted: Tensor,
  { clipping, candidates }: Pick<SegmentRecipe, 'clipping'> & { candidates: Tensor | undefined },
): Losses {
  if (clipping === null || candidates !== undefined)
    return { total: segmentationLoss(logits, wanted, { candidates }), parts: {} }
  const { total, unclipped } = gradientClippingLoss(logits, wanted, clipping)
  return { total, parts: { 'unclipped loss': unclipped } }
}

/** Candidate labels of unsure pixels, [B, labels] in {0, 1}: the background and their image's tags. */
function candidatesOf(samples: readonly Sample[], labels: number): Tensor {
  const values = new Float32Array(samples.length * labels)
  for (const [i, { tags }] of samples.entries())
    for (const label of [0, ...tags.map(tag => tag + 1)]) values[i * labels + label] = 1
  return tensor(values, [samples.length, labels])
}

/** With momentumBug, SGD's weight decay is its momentum, and no decay is left. */
function buildOptimiser(network: TrainableLabelNetwork, settings: SegmentRecipe): Optimiser {
  const { optimiser, headFactor, layerDecay } = settings
  const { kind } = optimiser
  const weightDecay = kind === 'sgd' && optimiser.momentumBug ? 0 : optimiser.weightDecay
  const groups = network.parameterGroups({ kind, weightDecay, headFactor, layerDecay })
  if (kind === 'adamw') return adamw(groups)
  return sgd(groups, { momentum: polySgdMomentum(optimiser), nesterov: optimiser.nesterov })
}

function transformOf(recipe: Recipe, { augment }: SegmentRecipe): LabelledLoaderOptions['transform'] {
  const { cropSize, normalisation } = shownTo(recipe)
  const common = { cropSize, ...normalisation }
  if (augment.kind === 'rescale') return { retrain: { ...augment, ...common } }
  return { segment: { ...augment, ...common } }
}
