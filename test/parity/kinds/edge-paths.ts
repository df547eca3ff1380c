/** @file Pairs in the order of the original's PathIndex: by the length of their paths, equal ones as in pairOffsets. */
import { PAIR, pairOffsets } from '../../../src/refine/affinity/index.ts'
import { pathPositions } from '../../../src/refine/edge-walk/index.ts'
import { type Tensor, tensor } from '../../../src/torch/index.ts'
import { pairColumns } from './psa-network.ts'

/** Places in pairOffsets, in the original's order. */
export function byPathLength(radius: number): number[] {
  const lengths = pairOffsets(radius).map(offset => pathPositions(offset).length)
  return [...lengths.keys()].sort((a, b) => lengths[a]! - lengths[b]!)
}

/** Planes [offsets, rows, columns] -> rows of the original [paths, positions], concatenated. */
export function pathRows<T extends Float32Array | Uint8Array>(
  planes: T,
  grid: { rows: number; columns: number },
  { radius }: { radius: number },
): number[] {
  const columns = pairColumns(planes, grid, { radius })
  const positions = columns.length / pairOffsets(radius).length
  return byPathLength(radius).flatMap(plane => columns.slice(plane * positions, (plane + 1) * positions))
}

/** Affinities [1, offsets, h, w] -> [1, paths, positions] */
export function pathColumns(affinity: Tensor, { radius }: { radius: number }): Tensor {
  const [, offsets, rows, columns] = affinity.shape as [number, number, number, number]
  const values = pathRows(affinity.toFloat32Array(), { rows, columns }, { radius })
  return tensor(values, [1, offsets, values.length / offsets])
}

/** How many pairs have each code. */
export function codeCounts(codes: Uint8Array): Record<keyof typeof PAIR, number> {
  const counts = Object.entries(PAIR).map(([name, code]) => [name, codes.filter(c => c === code).length])
  return Object.fromEntries(counts) as Record<keyof typeof PAIR, number>
}
