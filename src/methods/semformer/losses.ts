/** @file One training step of the segmentation network under the frozen autoencoder (core/models/semformer.py, forward_train; train_semformer.py). */
import type { Box } from '../../data/transforms/resize.ts'
import type { Losses } from '../../nn/index.ts'
import { batchSums, ops, scope, sumFactor, type Tensor } from '../../torch/index.ts'
import { complementLoss, suppressionLoss } from './activation-losses.ts'
import type { Caae } from './caae.ts'
import { guidedLosses } from './guided-losses.ts'
import type { Semformer, SemformerOutput } from './model.ts'
import { countPairs, type Equations, type PairCounts, pairsOf } from './pairs.ts'
import { cosineSimilarity, similarityEntropy, type ZeroSimilarity } from './similarity.ts'

/** Weights of the losses, and their form. */
export interface SemformerLossOptions {
  readonly similarity?: number
  readonly foreground?: number
  readonly background?: number
  readonly suppression?: number
  readonly complement?: number
  readonly equations?: Equations
  readonly zeroSimilarity?: ZeroSimilarity
  /** Pairs of an image and a class that pass the autoencoder at a time. */
  readonly chunk?: number
}

export interface SemformerBatch {
  /** [B, 3, S, S], normalised */
  readonly images: Tensor
  /** Of the images in their squares. */
  readonly boxes: readonly Box[]
  /** Classes of each image, ascending, the background (0) first. */
  readonly present: readonly (readonly number[])[]
}

/** The images as the autoencoder sees them, and the maps over them. */
export interface Activation {
  /** [B, 3, A, A] */
  readonly images: Tensor
  /** Where the images are [B, 1, A, A], in {0, 1} */
  readonly region: Tensor
  /** [B, K, A, A] in [0, 1]; 0 outside */
  readonly maps: Tensor
}

/** The losses of a batch, once it has passed the network. */
export function semformerLosses(
  { embeddings, logits }: Pick<SemformerOutput, 'embeddings' | 'logits'>,
  { images, boxes, present }: SemformerBatch,
  {
    autoencoder,
    side,
    similarity = 1,
    foreground = 1,
    background = 1,
    suppression = 0.075,
    complement = 1,
    equations = 'published-code',
    zeroSimilarity: zero = 'corrected',
    chunk = 8,
  }: SemformerLossOptions & { readonly autoencoder: Caae; readonly side: number },
): Losses {
  return scope(() => {
    const { numClasses } = autoencoder
    const shown = activation(logits, { images, boxes, side })
    const { maps, region } = shown
    const counts = equations === 'published-code' ? countedPairs(present) : undefined
    const pairs = pairsOf(present, { numClasses, equations, ...(counts && { counts }) })
    const guided = guidedLosses(
      autoencoder,
      { ...shown, pairs },
      { weights: { foreground, background }, chunk },
    )
    const targets = presence(present, numClasses).to({ device: images.device })
    const parts = {
      'similarity loss': similarityEntropy(cosineSimilarity(embeddings, autoencoder.semantics()), targets, {
        zero,
      }),
      'foreground loss': guided.foreground,
      'background loss': guided.background,
      'suppression loss': suppressionLoss(maps, { equations }),
      'complement loss': complementLoss(maps, { present, region, equations }),
    }
    const total = guided.total
      .add(parts['similarity loss'].mul(similarity))
      .add(parts['suppression loss'].mul(suppression))
      .add(parts['complement loss'].mul(complement))
    return { total, parts }
  })
}

/** Of the batches of all processes. */
function countedPairs(present: readonly (readonly number[])[]): PairCounts {
  const own = countPairs(present)
  const [pairs, others] = batchSums([own.pairs, own.others]) as [number, number]
  return { pairs, others, factor: sumFactor() }
}

/** Maps of `side` pixels from the classifier's responses [B, K, h, w]; images are resized to them, corners on corners. */
export function activation(
  logits: Tensor,
  { images, boxes, side }: { images: Tensor; boxes: readonly Box[]; side: number },
): Activation {
  return scope(() => {
    const resized = (from: Tensor): Tensor =>
      from.size(2) === side && from.size(3) === side ? from : ops.upsampleBilinear2d(from, [side, side], true)
    const region = regionOf(boxes, { side, scale: side / images.size(3) }).to({ device: images.device })
    return { images: resized(images), region, maps: resized(logits).sigmoid().mul(region) }
  })
}

/** 1 inside the boxes, whose edges are scaled and cut to whole pixels. [B, 1, side, side] */
export function regionOf(boxes: readonly Box[], { side, scale }: { side: number; scale: number }): Tensor {
  return scope(() => {
    const region = ops.zeros([boxes.length, 1, side, side])
    const edge = (at: number): number => Math.floor(Math.fround(at * Math.fround(scale)))
    for (const [image, box] of boxes.entries()) {
      const [left, top] = [edge(box.x), edge(box.y)]
      const [right, bottom] = [edge(box.x + box.width), edge(box.y + box.height)]
      const inside = region
        .select(0, image)
        .narrow(1, top, bottom - top)
        .narrow(2, left, right - left)
      ops.fill_(inside, 1)
    }
    return region
  })
}

/** [B, K] in {0, 1} */
function presence(present: readonly (readonly number[])[], numClasses: number): Tensor {
  return scope(() => {
    const rows = ops.zeros([present.length, numClasses])
    for (const [image, own] of present.entries())
      for (const index of own) ops.fill_(rows.select(0, image).narrow(0, index, 1), 1)
    return rows
  })
}

/** The losses of `network` in training. */
export function trainingLosses(
  network: Semformer,
  batch: SemformerBatch,
  options: SemformerLossOptions & { readonly autoencoder: Caae; readonly side: number },
): Losses {
  return scope(() => semformerLosses(network.forward(batch.images), batch, options))
}
