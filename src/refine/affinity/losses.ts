/** @file AffinityNet's loss: background pairs, foreground pairs and different pairs, each a mean of its own (train_aff.py). */
import type { Losses } from '../../nn/index.ts'
import { batchSums, ops, scope, sumFactor, type Tensor } from '../../torch/index.ts'
import { PAIR } from './pair-labels.ts'

const EPS = 1e-5

/** background / 4 + foreground / 4 + different / 2; affinity and codes [B, offsets, h, w] (codes as of pairLabels). */
export function affinityLosses(affinity: Tensor, codes: Tensor): Losses {
  return scope(() => {
    const similar = ops.neg(ops.log(affinity.add(EPS)))
    const [background, foreground] = [PAIR.background, PAIR.foreground].map(code =>
      meanWhere(similar, codes, code),
    ) as [Tensor, Tensor]
    const apart = ops.neg(ops.log(ops.neg(affinity).add(1 + EPS)))
    const different = meanWhere(apart, codes, PAIR.different)
    return {
      total: background.div(4).add(foreground.div(4)).add(different.div(2)),
      parts: { 'background loss': background, 'foreground loss': foreground, 'difference loss': different },
    }
  })
}

/** sum(values where code) / (count + 1e-5), over the batches of all processes */
function meanWhere(values: Tensor, codes: Tensor, code: number): Tensor {
  const mask = ops.eqScalar(codes, code).to({ dtype: 'float32' })
  const [count] = batchSums([mask.sum().item()])
  return values
    .mul(mask)
    .sum()
    .div((count! + EPS) / sumFactor())
}
