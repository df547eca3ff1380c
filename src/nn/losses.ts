/** @file What a training step minimises, and the loss of every network that is trained from image-level labels. */
import { ops, type Tensor } from '../torch/index.ts'

/** One training step's losses: `total` is differentiated, `parts` are shown under their names. */
export interface Losses {
  readonly total: Tensor
  readonly parts: Readonly<Record<string, Tensor>>
}

/** torch.nn.MultiLabelSoftMarginLoss: the mean over classes and images of the binary cross entropy. logits, targets [B, C] */
export function multilabelSoftMargin(logits: Tensor, targets: Tensor): Tensor {
  return ops.binaryCrossEntropyWithLogits(logits, targets)
}
