/** @file Class maps of MCTformer: class-to-patch attention, patch maps, both fused, refined by patch affinity. */
import { ops, scope, type Tensor } from '../../torch/index.ts'
import type { Mctformer } from './model.ts'

export type AttentionType = 'fused' | 'mct' | 'patchcam'

export interface ClassMapOptions {
  /** fused: attention x patch maps (plus: the root of it); mct: attention alone; patchcam: patch maps alone. */
  readonly attention?: AttentionType
  /** How many of the last layers give the class-to-patch attention. */
  readonly layers?: number
  /** Spread each map along the patch-to-patch attention. */
  readonly refine?: boolean
}

export interface ClassMaps {
  /** [B, C, h, w], one value a patch; not normalised. */
  readonly maps: Tensor
  /** [B, C]: class logits; for plus the mean of class and patch logits. */
  readonly logits: Tensor
  /** Patch affinity: head-averaged patch-to-patch attention summed over ALL layers [B, h*w, h*w], whatever `layers` is. */
  readonly affinity: Tensor
}

/**
 * Class maps of pictures [B, 3, H, W]. Call without autograd. V1 and V2 sum the attention over the last layers,
 * plus averages it (models.py, forward with return_att; engine.py, generate_attention_maps_ms).
 */
export function mctformerMaps(
  network: Mctformer,
  images: Tensor,
  { attention = 'fused', layers = 3, refine = true }: ClassMapOptions = {},
): ClassMaps {
  return scope(() => {
    const { numClasses, variant, blocks } = network
    const { rows, columns } = network.grid(images)
    const [batch, patches, { device }] = [images.size(0), rows * columns, images]
    const used = Math.min(layers, blocks.length)
    const attended = ops.zeros([batch, numClasses, patches], { device })
    const affinity = ops.zeros([batch, patches, patches], { device })
    const { classLogits, patchLogits, patchMaps } = network.forward(images, (weights, layer) => {
      const mean = weights.to({ dtype: 'float32' }).mean(1).narrow(2, numClasses, patches) // [B, N, h*w]
      ops.add_(affinity, mean.narrow(1, numClasses, patches))
      if (layer >= blocks.length - used) ops.add_(attended, mean.narrow(1, 0, numClasses))
    })
    const plus = variant === 'plus'
    if (plus) ops.divScalar_(attended, used)
    const coarse = combine(attended.reshape(batch, numClasses, rows, columns), patchMaps?.relu(), {
      attention,
      root: plus,
    })
    return {
      maps: refine ? refineMaps(coarse, affinity) : coarse,
      logits: plus ? classLogits.add(patchLogits!).div(2) : classLogits,
      affinity,
    }
  })
}

/** One step along the affinity, out_i = sum_j A_ij cam_j, without normalisation. maps [B, C, h, w], affinity [B, h*w, h*w] */
export function refineMaps(maps: Tensor, affinity: Tensor): Tensor {
  const flat = maps.reshape(maps.size(0), maps.size(1), -1)
  return flat.matmul(affinity.transpose(1, 2)).reshape(...maps.shape)
}

function combine(
  attended: Tensor,
  patchMaps: Tensor | undefined,
  { attention, root }: { attention: AttentionType; root: boolean },
): Tensor {
  if (attention === 'mct' || patchMaps === undefined) return attended
  if (attention === 'patchcam') return patchMaps
  const fused = attended.mul(patchMaps)
  return root ? fused.sqrt() : fused
}
