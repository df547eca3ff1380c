/** @file CAMs after a random walk that edges stop (semformer, inference_rw.py). */
import { ops, scope, type Tensor } from '../../torch/index.ts'
import type { PairGrid } from '../affinity/pairs.ts'
import { randomWalk, type WalkOptions } from '../affinity/random-walk.ts'
import { backgroundAndMaps, upsampledScores, type WalkedImage } from '../affinity/walk-maps.ts'
import { EDGE_WALK } from './parameters.ts'
import { pathAffinity } from './path-affinity.ts'

/** The edges of an image. */
export interface ImageEdges {
  /** Probabilities [1, 1, rows, columns]. */
  readonly edges: Tensor
  /** Pixels from one edge to the next. */
  readonly stride: number
}

/**
 * Scores [K, rows, columns] -> the same, walked: their part off the edges, along paths that edges weaken. Every pair on the
 * map counts; the original adds impassable borders around it instead.
 */
export function edgeWalk(
  scores: Float32Array,
  edges: Tensor,
  {
    beta = EDGE_WALK.beta,
    logt = EDGE_WALK.logt,
    radius = EDGE_WALK.radius,
  }: Omit<WalkOptions, 'pairs'> = {},
): Float32Array {
  return scope(() => {
    const grid: PairGrid = { rows: edges.size(2), columns: edges.size(3) }
    const affinity = pathAffinity(edges, { radius, pairs: 'corrected' }).toFloat32Array()
    const passable = ops.neg(edges).add(1).toFloat32Array()
    const seeds = scores.map((score, i) => score * passable[i % passable.length]!)
    return randomWalk(seeds, affinity, grid, { beta, logt, radius, pairs: 'corrected' })
  })
}

export interface EdgeWalkOptions extends Omit<WalkOptions, 'pairs'> {
  /**
   * What walked maps are divided by: the highest value of any (highest, as published), or place by place the walk of a background of 1
   * (background, as for AffinityNet): a mean over the places that are reached, however many of them are edges.
   */
  readonly relativeTo?: 'highest' | 'background'
}

const NOTHING = 1e-6 // of the background reaches a place: an edge itself

/** The maps after the walk, each [height, width], in [0, 1]. */
export function edgeWalkedMaps(
  { width, height, maps }: WalkedImage,
  { edges, stride }: ImageEdges,
  { relativeTo = 'background', ...options }: EdgeWalkOptions = {},
): Map<number, Float32Array> {
  if (maps.size === 0) return new Map()
  return scope(() => {
    const grid: PairGrid = { rows: edges.size(2), columns: edges.size(3) }
    const cells = backgroundAndMaps({ width, height, maps }, { grid, stride })
    const fine = upsampledScores(edgeWalk(cells, edges, options), { width, height }, { grid, stride })
    const walked = fine.narrow(0, 1, maps.size)
    const shares =
      relativeTo === 'highest'
        ? relativeToHighest(walked)
        : walked.div(fine.narrow(0, 0, 1).clamp({ min: NOTHING }))
    const area = width * height
    const values = shares.toFloat32Array()
    return new Map([...maps.keys()].map((key, i) => [key, values.subarray(i * area, (i + 1) * area)]))
  })
}

/** Divided by the highest of all values; as they are where none is above 0. */
export function relativeToHighest(scores: Tensor): Tensor {
  return scope(() => {
    const highest = scores.max().item()
    return highest > 0 ? scores.div(highest) : scores.clone()
  })
}
