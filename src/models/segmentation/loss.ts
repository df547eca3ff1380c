/** @file The loss of segmentation: cross entropy at the picture's resolution, without keeping logits of that size. */
import { backward, differentiable, isRecording, noGrad, ops, scope, type Tensor } from '../../torch/index.ts'

/** Label of pixels that are not learned from. */
const IGNORED = 255

const SUM = 2 // at::Reduction

/**
 * Mean over the pixels that have a label of the cross entropy of logits [B, C, h, w], spread bilinearly to the size of
 * `labels` [B, H, W] (int64, 255: none); seg/train_seg.py. 0 where no pixel has a label (PyTorch's mean is not a number).
 */
export function segmentationLoss(logits: Tensor, labels: Tensor): Tensor {
  return scope(() => {
    const counted = Math.max(1, ops.ltScalar(labels, IGNORED).sum().item())
    if (!isRecording() || logits.device !== 'cpu') return summedLoss(logits, labels).div(counted)
    const { sum, gradient } = lossAndGradient(logits.detach(), labels)
    return differentiable(
      'segmentation loss',
      [logits],
      () => ({ outputs: [sum.div(counted)], saved: [gradient] }),
      ([outer], [kept]) => [kept!.mul(outer!.div(counted))],
    )[0]!
  })
}

function summedLoss(logits: Tensor, labels: Tensor): Tensor {
  const full = ops.upsampleBilinear2d(logits, labels.shape.slice(1), false) // [B, C, H, W]
  return ops.crossEntropyLoss(full, labels, { reduction: SUM, ignoreIndex: IGNORED })
}

/**
 * The sum and its gradient [B, C, h, w], picture by picture: logits of full size, and what autograd keeps of them, are
 * then there for one picture only, and backward has nothing left to do.
 */
function lossAndGradient(logits: Tensor, labels: Tensor): { sum: Tensor; gradient: Tensor } {
  return scope(() => {
    const gradient = ops.emptyLike(logits)
    const sum = ops.zeros([], { device: logits.device })
    for (let picture = 0; picture < logits.size(0); picture++) {
      scope(() => {
        const leaf = logits.narrow(0, picture, 1).clone()
        leaf.requiresGrad = true
        const loss = summedLoss(leaf, labels.narrow(0, picture, 1))
        backward(loss)
        noGrad(() => {
          ops.add_(sum, loss)
          ops.copy_(gradient.narrow(0, picture, 1), leaf.grad!)
        })
      })
    }
    return { sum, gradient }
  })
}
