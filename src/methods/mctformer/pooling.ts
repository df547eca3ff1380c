/** @file Pools class responses at every position to class logits of the image. */
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
