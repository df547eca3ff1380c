/** @file AFA's losses beside the classification loss (utils/losses.py; get_seg_loss of scripts/dist_train_voc.py). */
import { IGNORE } from '../../io/label-values.ts'
import { segmentationLoss } from '../../models/segmentation/index.ts'
import { batchSums, noGrad, scope, sumFactor, type Tensor, tensor } from '../../torch/index.ts'
import { PAIR } from './affinity-labels.ts'

/**
 * Half the mean of 1 - A over pairs of the same label, half the mean of A over pairs of different ones, each count increased by
 * one as in the original; pairs of the batches of all processes. affinity [B, N, N], pairs of `affinityLabels`.
 */
export function affinityLoss(affinity: Tensor, pairs: Tensor): Tensor {
  return scope(() => {
    const [same, different] = [PAIR.same, PAIR.different].map(label =>
      pairs.eq(label).to({ dtype: 'float32' }),
    ) as [Tensor, Tensor]
    const own = same.sum().item()
    const [count, others] = batchSums([own, different.sum().item()]) as [number, number]
    const slope = noGrad(() => different.mul(0.5 / (others + 1)).sub(same.mul(0.5 / (count + 1)))) // d loss / d A
    return affinity
      .mul(slope)
      .sum()
      .add((0.5 * own) / (count + 1))
      .mul(sumFactor())
  })
}

/**
 * What the mean over a half without pixels is. corrected: 0. published-code: not a number, as PyTorch's mean; the gradient
 * is that of the other half all the same, but the sum of the losses can no longer be read.
 */
export type EmptyHalf = 'corrected' | 'published-code'

/**
 * Half the mean cross entropy over background pixels and half that over foreground pixels: logits [B, 1 + C, h, w], spread
 * bilinearly to labels [B, H, W] (int64, 0 background, 255 none), of the batches of all processes.
 */
export function segmentationHalves(
  logits: Tensor,
  labels: Tensor,
  { emptyHalf = 'corrected' }: { emptyHalf?: EmptyHalf } = {},
): Tensor {
  return scope(() => {
    const [background, labelled] = batchSums([labels.eq(0).sum().item(), labels.lt(IGNORE).sum().item()]) as [
      number,
      number,
    ]
    const foreground = labelled - background
    const halves = [background, foreground].map(count => (0.5 * sumFactor()) / Math.max(1, count))
    const [first, others] = halves as [number, number]
    const values = Array.from({ length: logits.size(1) }, (_, label) => (label === 0 ? first : others))
    const weights = tensor(values).to({ device: logits.device })
    const loss = segmentationLoss(logits, labels, { weights })
    const poisoned = emptyHalf === 'published-code' && background * foreground === 0
    return poisoned ? loss.add(Number.NaN) : loss
  })
}
