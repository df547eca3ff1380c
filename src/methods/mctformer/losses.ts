/** @file The training losses of MCTformer V1, V2 and plus (engine.py, train_one_epoch). */
import { type Losses, multilabelSoftMargin } from '../../nn/index.ts'
import { ops, scope, type Tensor } from '../../torch/index.ts'
import type { MctformerOutput } from './model.ts'

export interface LossOptions {
  /** Plus: weight of the class-token contrast. */
  readonly contrastWeight?: number
  /** Plus: how many of the last layers it reads. */
  readonly contrastLayers?: number
}

/**
 * Class-token contrast of MCTformer+: in each layer the cosine similarities of the class tokens [B, C, D] to one
 * another are logits of "which class am I", without temperature; only classes in the image count.
 */
export function classTokenContrast(classTokens: readonly Tensor[], targets: Tensor): Tensor {
  return scope(() => {
    const [batch, classes] = targets.shape as [number, number]
    const tokens = ops.stack(classTokens) // [L, B, C, D]
    const unit = tokens.div(
      ops.clamp(ops.linalgVectorNorm(tokens, { dim: [-1], keepdim: true }), { min: 1e-12 }),
    )
    const similarities = unit.matmul(unit.transpose(-2, -1)).to({ dtype: 'float32' }) // [L, B, C, C]
    const own = ops.diagonal(ops.logSoftmax(similarities, -1), { dim1: -2, dim2: -1 }).mul(-1) // [L, B, C]
    const perImage = own
      .mul(targets.reshape(1, batch, classes))
      .sum(-1)
      .mean(0) // [B]
    return perImage.div(targets.sum(-1).add(1e-8)).mean()
  })
}

/** Total and named parts. V1: class loss; V2: + patch loss; plus: + contrast. A U-Net's loss is its own. targets [B, C] in {0, 1} */
export function mctformerLosses(
  { classLogits, patchLogits, classTokens }: MctformerOutput,
  targets: Tensor,
  { contrastWeight = 1, contrastLayers = 12 }: LossOptions = {},
): Losses {
  let total = multilabelSoftMargin(classLogits, targets)
  const parts: Record<string, Tensor> = { 'class loss': total }
  const add = (name: string, loss: Tensor, weight = 1): void => {
    parts[name] = loss
    total = total.add(loss.mul(weight))
  }
  if (patchLogits !== undefined) add('patch loss', multilabelSoftMargin(patchLogits, targets))
  if (classTokens.length > 0)
    add('contrast loss', classTokenContrast(classTokens.slice(-contrastLayers), targets), contrastWeight)
  return { total, parts }
}
