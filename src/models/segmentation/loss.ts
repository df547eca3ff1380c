/** @file The loss of segmentation: cross entropy at the image's resolution, without logits of that size (docs/adr/0011-segmentation-loss.md). */
import { IGNORE, UNSURE } from '../../io/label-values.ts'
import {
  batchSums,
  differentiable,
  isRecording,
  ops,
  scope,
  sumFactor,
  type Tensor,
} from '../../torch/index.ts'

const SUM = 2 // at::Reduction
const NEVER = -1e4 // added to a log probability

export interface SegmentationLossOptions {
  /**
   * Candidate labels of pixels labelled 254 (unsure), [B, C] (float32): 1 for the labels that the image may hold, else 0.
   * Such a pixel costs -log of the summed probability of its candidates; without this, 254 is refused.
   */
  readonly candidates?: Tensor | undefined
  /** Weights of the labels [C] (float32): the loss is then the weighted sum over pixels, not their mean. */
  readonly weights?: Tensor | undefined
}

/**
 * Cross entropy of logits [B, C, h, w], resized bilinearly to `labels` [B, H, W] (int64, 255: none), mean over the pixels
 * with a label, in the batches of all processes; seg/train_seg.py. 0 where no pixel has one (PyTorch: NaN).
 */
export function segmentationLoss(
  logits: Tensor,
  labels: Tensor,
  options: SegmentationLossOptions = {},
): Tensor {
  return scope(() => {
    const counted = options.weights ? 1 : countedPixels(labels)
    if (logits.device !== 'cpu' || logits.dtype === 'float64')
      return summedLoss(logits, labels, options).div(counted)
    const { candidates, weights } = options
    const given = logits.detach().to({ dtype: 'float32' })
    const [sum, slope] = ops.segmentationLoss(given, labels, candidates, weights)
    if (!isRecording()) return sum.div(counted)
    const gradient = slope.to({ dtype: logits.dtype }) // [B, C, h, w]
    return differentiable(
      'segmentation loss',
      [logits],
      () => ({ outputs: [sum.div(counted)], saved: [gradient] }),
      ([outer], [kept]) => [kept!.mul(outer!.div(counted))],
    )[0]!
  })
}

/** Those with a label, in the batches of all processes; at least 1. */
function countedPixels(labels: Tensor): number {
  const [pixels] = batchSums([ops.ltScalar(labels, IGNORE).sum().item()])
  return Math.max(1, pixels!) / sumFactor()
}

/** In libtorch's operators: for a GPU, and in float64. */
function summedLoss(
  logits: Tensor,
  labels: Tensor,
  { candidates, weights }: SegmentationLossOptions,
): Tensor {
  const full = ops.upsampleBilinear2d(logits, labels.shape.slice(1), false) // [B, C, H, W]
  const options = { reduction: SUM, ignoreIndex: IGNORE, weight: weights }
  if (candidates === undefined) return ops.crossEntropyLoss(full, labels, options)
  const unsure = ops.eqScalar(labels, UNSURE)
  const sure = ops.crossEntropyLoss(full, ops.maskedFill(labels, unsure, IGNORE), options)
  const excluded = candidates
    .sub(1)
    .mul(-NEVER)
    .reshape(...candidates.shape, 1, 1)
  const open = ops.logSoftmax(full, 1).add(excluded)
  const likely = ops.logsumexp(open, [1]) // [B, H, W]: log of the probability that one of them is right
  return sure.sub(likely.mul(unsure.to({ dtype: 'float32' })).sum())
}
