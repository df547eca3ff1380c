/** @file CAMs spread along the learned affinity by one step of a random walk (utils/camutils.py). */
import { ops, scope, type Tensor } from '../../torch/index.ts'

export interface TransitionOptions {
  /** Pairs that the walk may take [N, N] bool; all of them without. */
  readonly near?: Tensor | undefined
  /** Of each affinity, before it is normalised. */
  readonly power?: number
  /** Added to the sum of a column: places of little affinity are damped, not filled up. */
  readonly epsilon?: number
}

/** affinity [B, N, N] -> A_ij^power / (sum_i A_ij^power + epsilon) of near pairs, 0 of others: columns sum to at most 1. */
export function transitions(
  affinity: Tensor,
  { near, power = 2, epsilon = 0.1 }: TransitionOptions = {},
): Tensor {
  return scope(() => {
    const raised = ops.pow(affinity, power)
    if (near !== undefined) ops.mul_(raised, near)
    return ops.div_(raised, raised.sum(1, { keepdim: true }).add(epsilon))
  })
}

/** One step: maps [K, h, w], transition [N, N] of one image, N = h * w. */
export function propagate(maps: Tensor, transition: Tensor): Tensor {
  return maps
    .reshape(maps.size(0), -1)
    .matmul(transition)
    .reshape(...maps.shape)
}

/**
 * The background, a constant, and the CAMs of an image's classes made to shares by a softmax over them, then spread
 * (propagte_aff_cam_with_bkg). cams [K, H, W] in [0, 1] -> [1 + K, h, w] on the grid of the affinity, the background first
 */
export function propagateWithBackground(
  cams: Tensor,
  transition: Tensor,
  { background, size }: { background: number; size: readonly [number, number] },
): Tensor {
  return scope(() => {
    const constant = ops.full([1, ...size], background, { device: cams.device })
    if (cams.size(0) === 0) return propagate(constant.softmax(0), transition)
    const same = cams.shape.slice(1).join() === size.join()
    const small = same ? cams : ops.upsampleBilinear2d(cams.unsqueeze(0), size, false).select(0, 0)
    return propagate(ops.cat([constant, small]).softmax(0), transition)
  })
}
