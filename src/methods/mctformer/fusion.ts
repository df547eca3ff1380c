/** @file The U-Net's CAMs fused with the transformer's. */
import { ops, scope, type Tensor } from '../../torch/index.ts'
import { minMax } from '../multi-scale.ts'

/**
 * geometric: T^(1-s) U^s of the transformer's CAM T and the U-Net's evidence U; mean: (1-s) T + s sigmoid(U). The first is 0
 * where the transformer's is, the second follows the U-Net also there.
 */
export type Fusion = 'geometric' | 'mean'

export interface UnetFusionOptions {
  readonly fusion: Fusion
  /** s, from 0 to 1. */
  readonly share: number
}

/**
 * Both maps stretched to [0, 1] in each image and class, then fused at the U-Net's resolution. maps [B, C, h, w],
 * the U-Net's class evidence [B, C, H', W'] -> [B, C, H', W'].
 */
export function fuseCams(maps: Tensor, evidence: Tensor, { fusion, share }: UnetFusionOptions): Tensor {
  return scope(() => {
    const fine = minMax(fusion === 'mean' ? evidence.sigmoid() : evidence)
    const coarse = minMax(
      ops.upsampleBilinear2d(maps.to({ dtype: 'float32' }), evidence.shape.slice(-2), false),
    )
    return fusion === 'mean'
      ? ops.lerp(coarse, fine, share)
      : ops.pow(coarse, 1 - share).mul(ops.pow(fine, share))
  })
}
