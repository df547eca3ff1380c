/** @file From class responses of every place to class logits of the picture. */
import { ops, scope, type Tensor, tensor } from '../../torch/index.ts'

/** Global weighted ranking pooling (MCTformer+): the r-th largest response weighs decay^r. maps [B, C, h, w] -> [B, C] */
export function rankingPool(maps: Tensor, { decay }: { decay: number }): Tensor {
  return scope(() => {
    const responses = maps.reshape(maps.size(0), maps.size(1), -1) // [B, C, h*w]
    const [sorted] = ops.sort(responses, { dim: -1, descending: true })
    const weights = Float32Array.from({ length: responses.size(-1) }, (_, rank) => decay ** rank)
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    return sorted
      .mul(tensor(weights).to({ device: maps.device }))
      .sum(-1)
      .div(total)
  })
}

/** Global average pooling. maps [B, C, h, w] -> [B, C] */
export function averagePool(maps: Tensor): Tensor {
  return scope(() => maps.reshape(maps.size(0), maps.size(1), -1).mean(-1))
}

/**
 * Normalised weighted pooling with a focal penalty on small masks (Araslanov and Roth, CVPR 2020, equations 2 to 4):
 * each place is divided among the classes and "none of them" by a softmax. maps [B, C, h, w] -> [B, C]
 */
export function maskedPool(maps: Tensor): Tensor {
  return scope(() => {
    const responses = maps.reshape(maps.size(0), maps.size(1), -1) // [B, C, h*w]
    const none = ops.zeros([maps.size(0), 1, responses.size(-1)], { device: maps.device })
    const masks = ops.cat([responses, none], { dim: 1 }).softmax(1).narrow(1, 0, maps.size(1))
    const pooled = masks.mul(responses).sum(-1).div(masks.sum(-1).add(1))
    const share = masks.mean(-1) // [B, C]
    const focal = ops.pow(ops.addScalar(share.mul(-1), 1), 3).mul(ops.log(share.add(0.01)))
    return pooled.add(focal)
  })
}
