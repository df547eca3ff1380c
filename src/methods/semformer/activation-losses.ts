/** @file Losses of the maps themselves: suppression, and that the maps of an image's classes complete each other (train_semformer.py). */
import { batchSums, ops, scope, sumFactor, type Tensor } from '../../torch/index.ts'
import type { Equations } from './pairs.ts'

/** published-code: the mean of the classes' maps, and 1 less that of the background; paper: the mean of all. [B, K, A, A] */
export function suppressionLoss(
  maps: Tensor,
  { equations = 'published-code' }: { equations?: Equations } = {},
): Tensor {
  return scope(() => {
    if (equations === 'paper') return maps.mean()
    const background = maps.narrow(1, 0, 1).mean()
    return maps
      .narrow(1, 1, maps.size(1) - 1)
      .mean()
      .add(1)
      .sub(background)
  })
}

export interface ComplementOptions {
  /** Classes of each image, ascending, the background among them. */
  readonly present: readonly (readonly number[])[]
  /** Where the image is [B, 1, A, A] in {0, 1}; everywhere unless told. */
  readonly region?: Tensor | undefined
  /** The other maps: of the image's own classes (published-code), or of all (paper). */
  readonly equations?: Equations
}

/**
 * Mean of (M_c + N_c - 1)^2 over the pixels of the region and each image's classes c, where N_c is the largest of the other
 * maps, in the batches of all processes; 0 where no image has two classes. maps [B, K, A, A]
 */
export function complementLoss(
  maps: Tensor,
  { present, region, equations = 'published-code' }: ComplementOptions,
): Tensor {
  return scope(() => {
    const all = Array.from({ length: maps.size(1) }, (_, index) => index)
    const counts: Tensor[] = []
    const squares = present.flatMap((own, image) => {
      const among = equations === 'paper' ? all : own
      if (among.length < 2) return []
      const inside = region?.select(0, image).select(0, 0)
      const each = among.map(index => maps.select(0, image).select(0, index))
      return othersOf(each).flatMap((others, i) => {
        if (!own.includes(among[i]!)) return []
        const gap = each[i]!.add(others).sub(1)
        const square = gap.mul(gap)
        counts.push(inside === undefined ? ops.full([], square.elements) : inside.sum().to({ device: 'cpu' }))
        return [inside === undefined ? square.sum() : square.mul(inside).sum()]
      })
    })
    const own = counts.length === 0 ? 0 : ops.stack(counts).sum().item()
    const [pixels] = batchSums([own])
    if (squares.length === 0) return maps.sum().mul(0)
    return ops
      .stack(squares)
      .sum()
      .div(pixels! / sumFactor())
  })
}

/** For each of several maps [A, A] the largest of the others: that of those before it, and of those after. */
function othersOf(maps: readonly Tensor[]): Tensor[] {
  const running = (from: readonly Tensor[]): Tensor[] => {
    const largest: Tensor[] = []
    for (const map of from) largest.push(largest.length === 0 ? map : ops.maximum(largest.at(-1)!, map))
    return largest
  }
  const before = running(maps)
  const after = running([...maps].reverse()).reverse()
  return maps.map((_, i) => {
    if (i === 0) return after[1]!
    return i === maps.length - 1 ? before[i - 1]! : ops.maximum(before[i - 1]!, after[i + 1]!)
  })
}
