/** @file Cross entropy whose gradient stops at pixels that cost more than their surroundings: likely wrong labels (WeakTr, online retraining). */
import { noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import { checkPatchSize } from './patch-size.ts'

const IGNORED = 255

const NONE = 0 // at::Reduction

export interface GradientClippingOptions {
  /** Clips once the mean loss of a batch is not above this: before, everything is still expensive. */
  readonly startValue: number
  /** Side of the squares whose mean loss is the local bound, pixels; must divide both sides of the crop. */
  readonly patchSize: number
}

export interface ClippedLoss {
  /** Mean over all pixels; what is differentiated. */
  readonly total: Tensor
  /** The same before clipping. */
  readonly unclipped: Tensor
}

/**
 * Mean of the clipped cross entropy of logits [B, K, h, w], spread bilinearly to the size of `labels` [B, H, W] (int64,
 * 255: none). Pixels without a label count as 0 in every mean. Throws InputError when `patchSize` does not divide.
 */
export function gradientClippingLoss(
  logits: Tensor,
  labels: Tensor,
  options: GradientClippingOptions,
): ClippedLoss {
  return scope(() => {
    const [height, width] = labels.shape.slice(1) as [number, number]
    checkPatchSize({ height, width, ...options })
    const same = logits.size(2) === height && logits.size(3) === width
    const full = same ? logits : ops.upsampleBilinear2d(logits, [height, width], false)
    const pixels = pixelCrossEntropy(full, labels)
    return { total: clipGradients(pixels, options).mean(), unclipped: pixels.detach().mean() }
  })
}

/** Cross entropy of each pixel [B, H, W], 0 where it has no label. logits [B, K, H, W], labels [B, H, W] (int64) */
export function pixelCrossEntropy(logits: Tensor, labels: Tensor): Tensor {
  return ops.crossEntropyLoss(logits.to({ dtype: 'float32' }), labels, {
    reduction: NONE,
    ignoreIndex: IGNORED,
  })
}

/**
 * min(loss, bound), the bound being the mean loss of the pixel's square over the batch, or of everything where that is
 * larger; unchanged while the mean is above `startValue` (decoder.GradientClipping). losses [B, H, W] -> [B, H, W]
 */
export function clipGradients(losses: Tensor, { startValue, patchSize }: GradientClippingOptions): Tensor {
  return scope(() => {
    const [, height, width] = losses.shape as [number, number, number]
    checkPatchSize({ height, width, patchSize })
    const bound = noGrad(() => {
      const mean = losses.mean()
      if (mean.item() > startValue) return undefined
      const local = ops.avgPool2d(losses.mean(0).reshape(1, 1, height, width), [patchSize, patchSize], {
        stride: [patchSize, patchSize],
      })
      const cells = ops.maximum(local, mean).select(0, 0) // [1, H/p, W/p]
      return ops.repeatInterleave(ops.repeatInterleave(cells, patchSize, { dim: 1 }), patchSize, { dim: 2 })
    })
    // as the original adds and subtracts it, so that the values agree to the last bit
    return bound === undefined ? losses : ops.clamp(losses.sub(bound), { max: 0 }).add(bound)
  })
}
