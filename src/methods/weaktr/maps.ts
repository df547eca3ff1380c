/** @file CAMs of WeakTr: coarse maps times fused class-to-patch attention, spread along the fused patch attention. */
import { attentionRows } from '../../models/vit/index.ts'
import { ops, scope, type Tensor } from '../../torch/index.ts'
import { type AttentionType, combineCams } from '../combine-cams.ts'
import type { AffinityKind } from '../patch-affinity.ts'
import type { Weaktr, WeaktrOutput } from './model.ts'

export interface WeaktrCamOptions {
  /** fused: attention x patch maps; mct: attention alone; patchcam: patch maps alone. */
  readonly attention?: AttentionType
  /** Spread each map along the patch-to-patch attention. */
  readonly refine?: boolean
  /** The affinity from that attention. */
  readonly affinity?: AffinityKind
}

export interface WeaktrCams {
  /** [B, C, h, w], one value a patch; not normalised. */
  readonly maps: Tensor
  /** [B, C]: class logits. */
  readonly logits: Tensor
  /** Weights of the heads [B, heads * depth], at head * depth + layer. */
  readonly headWeights: Tensor
}

/** CAMs of images [B, 3, H, W]. Call without autograd (models.py, forward with return_att; engine.py). */
export function weaktrCams(
  network: Weaktr,
  images: Tensor,
  { attention = 'fused', refine = true, affinity = 'published' }: WeaktrCamOptions = {},
): WeaktrCams {
  return scope(() => {
    const { output, projections } = refine
      ? forwardKeeping(network, images)
      : { output: network.forward(images), projections: undefined }
    const { attended, responses, classLogits, headWeights } = output
    const coarse = combineCams(attended, responses.relu(), attention)
    const maps =
      projections === undefined ? coarse : spreadCams(coarse, { projections, headWeights, affinity })
    return { maps, logits: classLogits, headWeights }
  })
}

/**
 * The network's output, and queries and keys of every layer [depth, 2, B, heads, N, d]. The CAMs to be spread are known
 * only after the last layer. Recomputing the attention from these costs a tenth of the forward pass; its memory grows with
 * the image's size, that of the attention of all layers with its square.
 */
export function forwardKeeping(
  network: Weaktr,
  images: Tensor,
): { readonly output: WeaktrOutput; readonly projections: Tensor } {
  return scope(() => {
    const { numClasses, blocks, heads, clsToken } = network
    const { rows, columns } = network.grid(images)
    const size = [numClasses + rows * columns, clsToken.size(2) / heads]
    const projections = ops.empty([blocks.length, 2, images.size(0), heads, ...size], {
      device: images.device,
    })
    const output = network.forward(images, ({ queries, keys }, layer) => {
      const kept = projections.select(0, layer)
      ops.copy_(kept.select(0, 0), queries)
      ops.copy_(kept.select(0, 1), keys)
    })
    return { output, projections }
  })
}

interface Spread {
  /** [depth, 2, B, heads, N, d] */
  readonly projections: Tensor
  /** [B, heads * depth] */
  readonly headWeights: Tensor
  readonly affinity?: AffinityKind
}

/** One step along the fused patch attention P = mean of weight times attention: out_i = sum_j P_ij map_j. maps [B, C, h, w] */
export function spreadCams(
  maps: Tensor,
  { projections, headWeights, affinity = 'published' }: Spread,
): Tensor {
  return scope(() => {
    const [depth, , batch, heads, length] = projections.shape as [number, number, number, number, number]
    const [, classes, rows, columns] = maps.shape as [number, number, number, number]
    const patches = rows * columns
    const flat = maps.reshape(batch, 1, classes, patches).transpose(2, 3) // [B, 1, h*w, C]
    const share = headWeights.div(heads * depth).reshape(batch, heads, depth, 1, 1)
    const sum = ops.zeros([batch, patches, classes], { device: maps.device })
    for (let layer = 0; layer < depth; layer++) {
      scope(() => {
        const [queries, keys] = [0, 1].map(which =>
          projections
            .select(0, layer)
            .select(0, which)
            .reshape(batch * heads, length, -1),
        ) as [Tensor, Tensor]
        const attention = attentionRows(queries.narrow(1, length - patches, patches), keys).narrow(
          2,
          length - patches,
          patches,
        ) // [B*heads, h*w, h*w]
        const weighted = flat.mul(share.select(2, layer)).reshape(batch * heads, patches, classes)
        const add = (along: Tensor): void =>
          void ops.add_(sum, along.reshape(batch, heads, patches, classes).to({ dtype: 'float32' }).sum(1))
        add(ops.bmm(attention, weighted))
        if (affinity === 'transposed') add(ops.bmm(attention.transpose(1, 2), weighted))
      })
    }
    return sum.transpose(1, 2).reshape(...maps.shape)
  })
}
