/** @file Cross entropy whose gradient stops at pixels that cost more than their surroundings: likely wrong labels (WeakTr, online retraining). */
import { IGNORE } from '../../io/label-values.ts'
import {
  backward,
  batchMean,
  differentiable,
  isRecording,
  noGrad,
  ops,
  scope,
  type Tensor,
} from '../../torch/index.ts'
import { checkPatchSize } from './patch-size.ts'

const NONE = 0 // at::Reduction

export interface GradientClippingOptions {
  /** Clips in steps whose mean loss is not above this: early losses are all high. */
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
 * Mean of the clipped cross entropy of logits [B, K, h, w], resized bilinearly to `labels` [B, H, W] (int64,
 * 255: none). Pixels without a label count as 0 in every mean. Throws InputError when `patchSize` does not divide.
 */
export function gradientClippingLoss(
  logits: Tensor,
  labels: Tensor,
  options: GradientClippingOptions,
): ClippedLoss {
  return scope(() => {
    if (!isRecording() || logits.device !== 'cpu') {
      const losses = spreadCrossEntropy(logits, labels)
      return { total: clipGradients(losses, options).mean(), unclipped: losses.detach().mean() }
    }
    const source = logits.detach()
    const losses = noGrad(() => eachImage(source, labels, spreadCrossEntropy))
    const bound = clippingBound(losses, options)
    const [total, unclipped] = [below(losses, bound).mean(), losses.mean()]
    const gradient = learnedGradient(source, labels, { losses, bound })
    const [loss] = differentiable(
      'gradient clipping',
      [logits],
      () => ({ outputs: [total], saved: [gradient] }),
      ([outer], [kept]) => [kept!.mul(outer!)],
    )
    return { total: loss!, unclipped }
  })
}

/** Cross entropy of each pixel [B, H, W], 0 where it has no label. logits [B, K, H, W], labels [B, H, W] (int64) */
export function pixelCrossEntropy(logits: Tensor, labels: Tensor): Tensor {
  return ops.crossEntropyLoss(logits.to({ dtype: 'float32' }), labels, {
    reduction: NONE,
    ignoreIndex: IGNORE,
  })
}

/**
 * min(loss, bound), the bound being the mean loss of the pixel's square over the batch, or of everything where that is
 * larger; unchanged while the mean is above `startValue` (decoder.GradientClipping). losses [B, H, W] -> [B, H, W]
 */
export function clipGradients(losses: Tensor, options: GradientClippingOptions): Tensor {
  return scope(() => below(losses, clippingBound(losses, options)))
}

/** [1, H, W], not recorded; undefined where nothing is clipped. */
function clippingBound(
  losses: Tensor,
  { startValue, patchSize }: GradientClippingOptions,
): Tensor | undefined {
  const [, height, width] = losses.shape as [number, number, number]
  checkPatchSize({ height, width, patchSize })
  return noGrad(() => {
    const pixels = batchMean(losses.mean(0)) // [H, W]
    const mean = pixels.mean()
    if (mean.item() > startValue) return undefined
    const local = ops.avgPool2d(pixels.reshape(1, 1, height, width), [patchSize, patchSize], {
      stride: [patchSize, patchSize],
    })
    const cells = ops.maximum(local, mean).select(0, 0) // [1, H/p, W/p]
    return ops.repeatInterleave(ops.repeatInterleave(cells, patchSize, { dim: 1 }), patchSize, { dim: 2 })
  })
}

/** As the original adds and subtracts the bound, so that the values agree to the last bit. */
function below(losses: Tensor, bound: Tensor | undefined): Tensor {
  return bound === undefined ? losses : ops.clamp(losses.sub(bound), { max: 0 }).add(bound)
}

function spreadCrossEntropy(logits: Tensor, labels: Tensor): Tensor {
  const size = labels.shape.slice(1)
  const same = logits.shape.slice(2).join() === size.join()
  return pixelCrossEntropy(same ? logits : ops.upsampleBilinear2d(logits, size, false), labels)
}

/** Gradient of the mean clipped loss [B, K, h, w]: none comes from pixels above the bound. */
function learnedGradient(
  logits: Tensor,
  labels: Tensor,
  { losses, bound }: { losses: Tensor; bound: Tensor | undefined },
): Tensor {
  return scope(() => {
    const whole = ops.ones([], { device: losses.device }).div(losses.elements)
    const weights =
      bound === undefined
        ? whole.expand(...losses.shape)
        : ops.maskedFill(whole.expand(...losses.shape), ops.gtScalar(losses.sub(bound), 0), 0)
    return eachImage(logits, labels, (sample, wanted, i) => {
      const leaf = sample.clone()
      leaf.requiresGrad = true
      backward(
        spreadCrossEntropy(leaf, wanted)
          .mul(weights.narrow(0, i, 1))
          .sum(),
      )
      return leaf.grad!
    })
  })
}

/** Image by image: logits of full size, and what autograd keeps of them, are then there for one image only. */
function eachImage(
  logits: Tensor,
  labels: Tensor,
  body: (logits: Tensor, labels: Tensor, sample: number) => Tensor,
): Tensor {
  return scope(() =>
    ops.cat(
      Array.from({ length: logits.size(0) }, (_, i) =>
        scope(() => body(logits.narrow(0, i, 1), labels.narrow(0, i, 1), i)),
      ),
    ),
  )
}
