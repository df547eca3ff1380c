/** @file AFA as a method: one network, trained in one run, that makes CAMs and labels images by its own head. */
import { IMAGENET, type Normalisation } from '../../data/transforms/normalise.ts'
import type { Box } from '../../data/transforms/resize.ts'
import { type VitWidth, vitSizes } from '../../models/vit/widths.ts'
import { type Losses, multilabelSoftMargin } from '../../nn/index.ts'
import { denseEnergy } from '../../refine/dense-energy.ts'
import type { ImageBox } from '../../refine/image-box.ts'
import { denormalisedImages } from '../../refine/par/index.ts'
import { noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import { imageClasses } from '../image-classes.ts'
import type { ClassBatch, Method, StepPlace } from '../method.ts'
import { type FlipOption, type ImageOfViews, minMax } from '../multi-scale.ts'
import { RADIUS } from './affinity-labels.ts'
import { batchCams } from './cams.ts'
import { type AfaEncoder, mitEncoder, vitAfaEncoder } from './encoder.ts'
import { type AfaGroupOptions, afaGroups } from './groups.ts'
import { AfaLabeller } from './inference.ts'
import { affinityLoss, type EmptyHalf, segmentationHalves } from './losses.ts'
import { afaMemory } from './memory.ts'
import { Afa } from './model.ts'
import { loadAfa } from './pretrained.ts'
import { type AfaModelRecipe, mitOptions } from './recipe.ts'
import { type TrainingLabelOptions, trainingLabels, walkOf } from './training-labels.ts'

export interface AfaLossOptions {
  /** Weights of the losses beside the classification loss. */
  readonly segmentation?: number
  readonly affinity?: number
  /** Of the dense energy loss; the paper has 0.01. */
  readonly energy?: number
  /** Step after which they count. */
  readonly start?: number
  readonly emptyHalf?: EmptyHalf
}

export interface AfaLabelOptions extends Omit<TrainingLabelOptions, 'spread'> {
  /** Step after which the segmentation learns from CAMs spread along the affinity; the affinity too, if told. */
  readonly spreadStart?: number
  readonly spreadAffinity?: boolean
}

export interface AfaCamOptions {
  readonly scales?: readonly number[]
  /** Spread the CAMs along the affinity. */
  readonly spread?: boolean
}

export interface AfaSettings {
  readonly model: AfaModelRecipe
  readonly numClasses: number
  readonly losses?: AfaLossOptions
  readonly labels?: AfaLabelOptions
  readonly maps?: AfaCamOptions
  readonly groups?: Omit<AfaGroupOptions, 'weightDecay'>
  readonly normalise?: Normalisation
  /** The batch norm of the segmentation head sees the batches of all processes. */
  readonly syncBatchNorm?: boolean
}

/** Builds the network of a recipe with its losses and CAMs. */
export function buildAfa(settings: AfaSettings): Method {
  const { model, numClasses, maps = {}, labels = {}, groups = {} } = settings
  const { headDim: embedDim, pooling } = model
  const network = new Afa({ encoder: encoderOf(model), numClasses, embedDim, pooling })
  network.decoder.linearFuse.bn.synchronised = settings.syncBatchNorm ?? false
  return {
    network,
    numClasses,
    parameterGroups: ({ weightDecay }) => afaGroups(network, { weightDecay, ...groups }),
    losses: (batch, at) => afaLosses(network, batch, { ...settings, at }),
    logits: images => network.classLogits(images),
    imageCams: (images, options) =>
      camsOfImages(network, images, { radius: labels.radius ?? RADIUS, ...maps, ...options }),
    labeller: new AfaLabeller(network, { memory: look => afaMemory(model, { batch: 2, ...look }) }),
    loadPretrained: (weights, options) => loadAfa(network, weights, options),
  }
}

function encoderOf(model: AfaModelRecipe): AfaEncoder {
  const { backbone, imageSize, patchSize, dropPath } = model
  const sizes = mitOptions(model)
  if (sizes !== undefined) return mitEncoder(sizes)
  return vitAfaEncoder({ ...vitSizes(backbone as VitWidth), imageSize, patchSize, dropPath })
}

/** One step: before `start` the classifier alone learns, and nothing else is computed. */
export function afaLosses(
  network: Afa,
  { images, targets, boxes }: Pick<ClassBatch, 'images' | 'targets' | 'boxes'>,
  {
    losses: { segmentation = 0.1, affinity = 0.1, energy = 0, start = 2000, emptyHalf } = {},
    labels: { spreadStart = 6000, spreadAffinity = false, ...labels } = {},
    normalise = IMAGENET,
    at: { step },
  }: Pick<AfaSettings, 'losses' | 'labels' | 'normalise'> & { readonly at: Pick<StepPlace, 'step'> },
): Losses {
  if (step <= start) {
    const total = multilabelSoftMargin(network.classLogits(images), targets)
    return { total, parts: { 'class loss': total } }
  }
  const output = network.forward(images, { affinity: true })
  const spreads = step > spreadStart
  const inside = boxes.map(boxOf)
  const made = trainingLabels(
    network,
    {
      images,
      colours: denormalisedImages(images, normalise),
      classes: imageClasses(targets),
      boxes: inside,
      seen: output,
    },
    { ...labels, spread: { segmentation: spreads, affinity: spreads && spreadAffinity } },
  )
  const parts = {
    'class loss': multilabelSoftMargin(output.classLogits, targets),
    'segmentation loss': segmentationHalves(output.segLogits, made.segmentation, {
      ...(emptyHalf !== undefined && { emptyHalf }),
    }),
    'affinity loss': affinityLoss(output.affinity!, made.pairs),
  }
  const total = parts['class loss']
    .add(parts['segmentation loss'].mul(segmentation))
    .add(parts['affinity loss'].mul(affinity))
  if (energy === 0) return { total, parts }
  const logits = ops.upsampleBilinear2d(output.segLogits, images.shape.slice(-2), false)
  const regular = denseEnergy(logits, { images, labels: made.segmentation, boxes: inside, normalise })
  return { total: total.add(regular.mul(energy)), parts: { ...parts, 'energy loss': regular } }
}

/** CAMs [K, H, W] in [0, 1] of images of one size, their only view, each at its `size` or its own. */
function camsOfImages(
  network: Afa,
  images: readonly ImageOfViews[],
  {
    scales = [1, 0.5, 1.5],
    flip = true,
    spread = false,
    radius,
  }: FlipOption & AfaCamOptions & { radius: number },
): Tensor[] {
  return noGrad(() =>
    scope(() => {
      const seen = ops.cat(images.map(({ views }) => views[0]!))
      const classes = images.map(image => image.classes)
      const made = batchCams(network, seen, { classes, scales, flip, withAffinity: spread })
      const walk = spread ? walkOf(network, seen, made, { scale: Math.max(1, ...scales), radius }) : undefined
      return images.map(({ size = seen.shape.slice(-2) }, i) => {
        const { cams } = made.images[i]!
        if (walk !== undefined) return minMax(walk(i, BACKGROUND, size).narrow(0, 1, classes[i]!.length))
        if (cams.shape.slice(1).join() === size.join()) return cams.contiguous()
        return ops.upsampleBilinear2d(cams.unsqueeze(0), size, false).select(0, 0)
      })
    }),
  )
}

const BACKGROUND = 0.35 // beside CAMs that are spread (scripts/dist_train_voc.py, validate)

function boxOf({ x, y, width, height }: Box): ImageBox {
  return { top: y, bottom: y + height, left: x, right: x + width }
}
