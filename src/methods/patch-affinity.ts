/** @file Patch affinity: CAMs spread along the patch-to-patch attention, for every method that has one. */
import type { Tensor } from '../torch/index.ts'

/** published: A = S, rows attend; transposed: A = S + S^T, an affinity has no direction (reproduction, equation 1). */
export type AffinityKind = 'published' | 'transposed'

/**
 * One step along the affinity, out_i = sum_j A_ij cam_j, without normalisation. maps [B, C, h, w]; `attention` S
 * [B, h*w, h*w], its rows attend to its columns.
 */
export function applyPatchAffinity(
  maps: Tensor,
  attention: Tensor,
  { affinity = 'published' }: { affinity?: AffinityKind } = {},
): Tensor {
  const flat = maps.reshape(maps.size(0), maps.size(1), -1)
  const along = flat.matmul(attention.transpose(1, 2))
  const both = affinity === 'published' ? along : along.add(flat.matmul(attention))
  return both.reshape(...maps.shape)
}
