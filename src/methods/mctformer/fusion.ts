/** @file The U-Net's class maps fused with the transformer's. */
import { ops, scope, type Tensor } from '../../torch/index.ts'
import { minMax } from '../multi-scale.ts'

/** geometric: the root of the product; mean: the mean; unet: the U-Net's maps alone; none: the transformer's alone. */
export type Fusion = 'geometric' | 'mean' | 'unet' | 'none'

/**
 * Both maps stretched to [0, 1] in each picture and class, then fused at the U-Net's resolution. maps [B, C, h, w],
 * the U-Net's class evidence [B, C, H', W'] -> [B, C, H', W'].
 */
export function fuseMaps(
  maps: Tensor,
  evidence: Tensor,
  { fusion }: { fusion: Exclude<Fusion, 'none'> },
): Tensor {
  return scope(() => {
    const fine = minMax(classShares(evidence))
    if (fusion === 'unet') return fine
    const coarse = minMax(ops.upsampleBilinear2d(maps, evidence.shape.slice(-2), false))
    return fusion === 'mean' ? coarse.add(fine).div(2) : coarse.mul(fine).sqrt()
  })
}

/** Each place divided among the classes and "none of them", whose evidence is 0. [B, C, H', W'] both */
function classShares(evidence: Tensor): Tensor {
  const [batch, classes, ...size] = evidence.shape as [number, number, number, number]
  const none = ops.zeros([batch, 1, ...size], { device: evidence.device })
  return ops.cat([evidence, none], { dim: 1 }).softmax(1).narrow(1, 0, classes)
}
