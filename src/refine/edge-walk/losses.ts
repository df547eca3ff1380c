/** @file IRN's loss on an edge map (semformer, train_affinitynet.py): that of AffinityNet on path affinities, counted by their strongest edges. */
import type { Losses } from '../../nn/index.ts'
import { batchSums, fromData, noGrad, ops, scope, sumFactor, type Tensor } from '../../torch/index.ts'
import { PAIR } from '../affinity/pair-labels.ts'
import { type PairOptions, pairOffsets } from '../affinity/pairs.ts'
import { strongestEdges } from './path-affinity.ts'

const EPS = 1e-5
const CODES = Object.keys(PAIR).length

/**
 * background / 4 + foreground / 4 + different / 2, each a mean over its pairs of -log(a + 1e-5), or of -log(1 + 1e-5 - a) where
 * labels differ, a = 1 - the strongest edge of the path. edges [B, 1, h, w] in [0, 1]; codes [B, offsets, h, w] as of pairLabels.
 * Pairs with the same strongest edge have the same loss: they are counted by its rank, and autograd sees h * w values an image
 * instead of a value, or a path, a pair.
 */
export function edgeLosses(edges: Tensor, codes: Uint8Array, options: PairOptions = {}): Losses {
  return scope(() => {
    const values = edges.to({ dtype: 'float32' }).reshape(edges.size(0), -1) // [B, h * w]
    const { order, counts } = noGrad(() => countedByRank(values.detach(), { edges, codes, options }))
    const sorted = ops.gather(values, 1, order)
    const similar = ops.neg(ops.log(ops.neg(sorted).add(1 + EPS)))
    const apart = ops.neg(ops.log(sorted.add(EPS)))
    const mean = (loss: Tensor, code: number): Tensor => {
      const count = counts.select(1, code)
      const [pairs] = batchSums([count.sum().item()])
      return loss
        .mul(count)
        .sum()
        .div((pairs! + EPS) / sumFactor())
    }
    const [background, foreground] = [mean(similar, PAIR.background), mean(similar, PAIR.foreground)]
    const different = mean(apart, PAIR.different)
    return {
      total: background.div(4).add(foreground.div(4)).add(different.div(2)),
      parts: { 'background loss': background, 'foreground loss': foreground, 'difference loss': different },
    }
  })
}

/** Positions by rising edge [B, h * w], and how many pairs of each code have their strongest edge there [B, codes, h * w]. */
function countedByRank(
  values: Tensor,
  { edges, codes, options }: { edges: Tensor; codes: Uint8Array; options: PairOptions },
): { order: Tensor; counts: Tensor } {
  const [batch, , rows, columns] = edges.shape as [number, number, number, number]
  const { device } = edges
  const area = rows * columns
  const order = ops.argsort(values, { dim: 1 })
  const counts = scope(() => {
    const ranks = ops.argsort(order, { dim: 1 }).to({ dtype: 'int32' })
    const strongest = strongestEdges(ranks.reshape(batch, rows, columns), { ...options, none: 0 })
    const shape = [batch, pairOffsets(options.radius).length, rows, columns]
    const code = fromData({ dtype: 'uint8', shape, data: codes }).to({ device, dtype: 'int32' })
    const image = ops.arange(0, batch, { dtype: 'int32', device }).mul(CODES).reshape(batch, 1, 1, 1)
    const places = ops.add_(strongest, ops.mulScalar_(ops.add_(code, image), area)) // none: counted apart
    const found = ops.bincount(places.reshape(-1), { minlength: batch * CODES * area })
    return found.to({ dtype: 'float32' }).reshape(batch, CODES, area)
  })
  return { order, counts }
}
