/** @file The affinities of one image, for the random walk. */
import { noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import type { AffinityNet } from './network.ts'
import { pairAffinity } from './pair-affinity.ts'
import type { PairGrid, PairOptions } from './pairs.ts'

export interface Affinities {
  /** [offsets, rows, columns] as of pairAffinity. */
  readonly affinity: Float32Array
  readonly grid: PairGrid
  /** Stride of the grid, pixels. */
  readonly stride: number
}

/** image [1, 3, H, W], normalised; filled with zeros, the mean colour, to whole positions of the grid. */
export function imageAffinities(network: AffinityNet, image: Tensor, options: PairOptions = {}): Affinities {
  return noGrad(() =>
    scope(() => {
      const { stride } = network.backbone
      const [rows, columns] = [Math.ceil(image.size(2) / stride), Math.ceil(image.size(3) / stride)]
      const [below, right] = [rows * stride - image.size(2), columns * stride - image.size(3)]
      const padded = ops.constantPadNd(image, [0, right, 0, below])
      const affinity = pairAffinity(network.forward(padded), options)
      return { affinity: affinity.toFloat32Array(), grid: { rows, columns }, stride }
    }),
  )
}
