/** @file The loss of segmentation: cross entropy at the image's resolution, without keeping logits of that size. */
import { IGNORE, UNSURE } from '../../io/label-values.ts'
import {
  backward,
  batchSums,
  differentiable,
  isRecording,
  noGrad,
  ops,
  scope,
  sumFactor,
  type Tensor,
} from '../../torch/index.ts'

const SUM = 2 // at::Reduction
const NEVER = -1e4 // added to a log probability
const AT_ONCE = 2 ** 20 // logits of full size: several small images, or one large one

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
    if (!isRecording() || logits.device !== 'cpu') return summedLoss(logits, labels, options).div(counted)
    const { sum, gradient } = lossAndGradient(logits.detach(), labels, options)
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

/**
 * The sum and its gradient [B, C, h, w], a few images at a time: logits of full size, and what autograd keeps of them, are
 * then there for those only, and backward has nothing left to do.
 */
function lossAndGradient(
  logits: Tensor,
  labels: Tensor,
  { candidates, weights }: SegmentationLossOptions,
): { sum: Tensor; gradient: Tensor } {
  return scope(() => {
    const gradient = ops.emptyLike(logits)
    const sum = ops.zeros([], { device: logits.device })
    const batch = logits.size(0)
    const most = Math.max(1, Math.floor(AT_ONCE / (logits.size(1) * labels.size(1) * labels.size(2))))
    for (let first = 0; first < batch; first += most) {
      scope(() => {
        const part = (of: Tensor): Tensor => of.narrow(0, first, Math.min(most, batch - first))
        const leaf = part(logits).clone()
        leaf.requiresGrad = true
        const options = { candidates: candidates && part(candidates), weights }
        const loss = summedLoss(leaf, part(labels), options)
        backward(loss)
        noGrad(() => {
          ops.add_(sum, loss)
          ops.copy_(part(gradient), leaf.grad!)
        })
      })
    }
    return { sum, gradient }
  })
}
