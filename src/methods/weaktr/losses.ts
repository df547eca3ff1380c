/** @file The training losses of WeakTr (engine.py, train_one_epoch). */
import { type Losses, multilabelSoftMargin } from '../../nn/index.ts'
import type { Tensor } from '../../torch/index.ts'
import type { WeaktrOutput } from './model.ts'

/** Class + coarse + fine loss, each a multi-label soft margin; the fine loss trains the fusion alone. targets [B, C] in {0, 1} */
export function weaktrLosses(
  { classLogits, coarseLogits, fineLogits }: WeaktrOutput,
  targets: Tensor,
): Losses {
  const classLoss = multilabelSoftMargin(classLogits, targets)
  const coarseLoss = multilabelSoftMargin(coarseLogits, targets)
  const fineLoss = multilabelSoftMargin(fineLogits, targets)
  return {
    total: classLoss.add(coarseLoss).add(fineLoss),
    parts: { 'class loss': classLoss, 'coarse loss': coarseLoss, 'fine loss': fineLoss },
  }
}
