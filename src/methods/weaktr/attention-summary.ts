/** @file The part of every layer's attention that fusion needs, copied during the forward pass. */
import { differentiable, isRecording, ops, scope, type Tensor } from '../../torch/index.ts'

/**
 * The weights of the heads are known only after the last block. Kept until then are the rows of the class tokens and
 * the column means of the patch rows, a seventh of the attention for 20 classes and 196 patches: the mean over the
 * image of P cams is the sum over its columns of mean(P) * cams, so P itself is never needed for logits.
 */
export interface AttentionSummary {
  /** Attention of the class tokens to the patches [B, heads, depth, C, h*w]. */
  readonly classToPatch: Tensor
  /** Mean over the patches of their attention to each patch [B, heads, depth, h*w]. */
  readonly patchMean: Tensor
}

export interface SummarySizes {
  readonly batch: number
  readonly heads: number
  readonly depth: number
  readonly classes: number
  readonly patches: number
  readonly device: string
}

/** Empty buffers for a batch. */
export function emptySummary({
  batch,
  heads,
  depth,
  classes,
  patches,
  device,
}: SummarySizes): AttentionSummary {
  return {
    classToPatch: ops.empty([batch, heads, depth, classes, patches], { device }),
    patchMean: ops.empty([batch, heads, depth, patches], { device }),
  }
}

/** Copies the needed part of one layer's attention [B, heads, C + h*w, C + h*w]. Call unrecorded. */
export function addAttention(
  { classToPatch, patchMean }: AttentionSummary,
  weights: Tensor,
  layer: number,
): void {
  scope(() => {
    const [classes, patches] = classToPatch.shape.slice(-2) as [number, number]
    const toPatches = weights.narrow(3, classes, patches)
    ops.copy_(classToPatch.select(2, layer), toPatches.narrow(2, 0, classes))
    const mean = ops.meanDim(toPatches.narrow(2, classes, patches), [2], { dtype: 'float32' })
    ops.copy_(patchMean.select(2, layer), mean)
  })
}

/**
 * Heads fused by their weights [B, heads * depth]: the mean of weight times attention (models.py). x
 * [B, heads, depth, ...] -> [B, ...], in float32 also under autocast; only the weights have a gradient.
 */
export function fuseHeads(x: Tensor, headWeights: Tensor): Tensor {
  return scope(() => {
    const [batch, heads, depth, ...rest] = x.shape as [number, number, number, ...number[]]
    const flat = x.reshape(batch, heads * depth, -1)
    const share = headWeights.div(heads * depth).unsqueeze(1) // [B, 1, heads * depth]
    const fused =
      isRecording() && x.device !== 'cpu' ? share.transpose(1, 2).mul(flat).sum(1) : weightedSum(share, flat)
    return fused.reshape(batch, ...rest)
  })
}

/** [B, 1, K] x [B, K, M] -> [B, 1, M]; written into a given tensor, where autocast does not round. The elementwise product is never stored. */
function weightedSum(share: Tensor, flat: Tensor): Tensor {
  const { device } = flat
  const product = (a: Tensor, b: Tensor): Tensor =>
    ops.bmmOut(a, b, ops.empty([a.size(0), a.size(1), b.size(2)], { device }))
  if (!isRecording()) return product(share, flat)
  return differentiable(
    'fuse heads',
    [share],
    () => ({ outputs: [product(share, flat)], saved: [flat] }),
    ([gradient], [kept]) => [product(gradient!, kept!.transpose(1, 2))],
  )[0]!
}
