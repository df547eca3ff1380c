/** @file The loss of every network that is trained from tags. */
import { ops, type Tensor } from '../torch/index.ts'

/** Multi-label soft margin: the mean over classes and pictures of the binary cross entropy. logits, targets [B, C] */
export function multilabelSoftMargin(logits: Tensor, targets: Tensor): Tensor {
  return ops.binaryCrossEntropyWithLogits(logits, targets)
}
