/** @file The AffinityNet that a golden file was made with, and its affinities in the shapes of the original. */
import { resnet38Backbone } from '../../../src/models/dense-backbone.ts'
import {
  type Affinities,
  type AffinityNet,
  affinityNet,
  type PairGrid,
  type PairOptions,
  pairOffsets,
  pairStarts,
  randomWalk,
  type WalkOptions,
} from '../../../src/refine/affinity/index.ts'
import type { CheckOptions } from '../fixture.ts'
import { fillByRule, type WeightRule } from './resnet38-rule.ts'

/** Fixed settings of PSA's AffinityNet. */
export const FROZEN = ['conv1a', 'b2', 'b2_1', 'b2_2'] as const

/** Builds and fills the network, runs `use` and frees it. In eval mode: batch normalisation is frozen either way. */
export async function withAffinityNet<T>(
  rule: WeightRule,
  { device }: CheckOptions,
  use: (network: AffinityNet) => T | Promise<T>,
): Promise<T> {
  const network = affinityNet(resnet38Backbone({ frozen: FROZEN }))
  try {
    fillByRule(network, rule)
    network.to(device).eval()
    return await use(network)
  } finally {
    network.dispose()
  }
}

/** Planes [offsets, rows, columns] -> [offsets, pairs]: without the positions where no pair starts. */
export function pairColumns<T extends Float32Array | Uint8Array>(
  planes: T,
  grid: PairGrid,
  { radius }: { radius: number },
): number[] {
  const area = grid.rows * grid.columns
  return pairOffsets(radius).flatMap((offset, plane) => {
    const start = pairStarts(grid, offset, { radius })
    return Array.from({ length: start.rows * start.columns }, (_, i) => {
      const [y, x] = [Math.floor(i / start.columns), i % start.columns]
      return planes[plane * area + (start.top + y) * grid.columns + start.left + x]!
    })
  })
}

/** Planes -> the symmetric matrix [N, N] with ones on the diagonal. */
export function denseMatrix(
  planes: Float32Array,
  { rows, columns }: PairGrid,
  options: PairOptions,
): Float32Array {
  const area = rows * columns
  const matrix = new Float32Array(area * area)
  for (let i = 0; i < area; i++) matrix[i * area + i] = 1
  for (const [plane, offset] of pairOffsets(options.radius).entries()) {
    const start = pairStarts({ rows, columns }, offset, options)
    for (let y = start.top; y < start.top + start.rows; y++) {
      for (let x = start.left; x < start.left + start.columns; x++) {
        const [from, to] = [y * columns + x, (y + offset.dy) * columns + x + offset.dx]
        matrix[from * area + to] = planes[plane * area + from]!
        matrix[to * area + from] = planes[plane * area + from]!
      }
    }
  }
  return matrix
}

/** T^(2^logt) itself: the walk of every unit vector. */
export function transitions(
  { affinity, grid }: Pick<Affinities, 'affinity' | 'grid'>,
  walk: WalkOptions,
): Float32Array {
  const area = grid.rows * grid.columns
  const identity = new Float32Array(area * area)
  for (let i = 0; i < area; i++) identity[i * area + i] = 1
  return randomWalk(identity, affinity, grid, walk)
}
