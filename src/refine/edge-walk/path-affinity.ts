/** @file Affinities of pairs from an edge map: 1 - the strongest edge between them (IRN; semformer, core/affinitynet.py, to_affinity). */
import { fromData, noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import { type Offset, type PairGrid, type PairOptions, pairOffsets, pairStarts } from '../affinity/pairs.ts'
import { pathSteps } from './paths.ts'

/** Edge probabilities [B, 1, h, w] -> [B, offsets, h, w], each at the position where its pair starts, zero without a pair. No gradient. */
export function pathAffinity(edges: Tensor, options: PairOptions = {}): Tensor {
  return noGrad(() =>
    scope(() => {
      const values = edges.select(1, 0).to({ dtype: 'float32' })
      return ops.addScalar_(ops.mulScalar_(strongestEdges(values, { ...options, none: 1 }), -1), 1)
    }),
  )
}

export interface StrongestOptions extends PairOptions {
  /** The value where no pair starts. */
  readonly none: number
}

/**
 * The largest value on the path of each pair: values [B, h, w] -> [B, offsets, h, w], of the same type. Paths are runs of the flat
 * map, one operator each; what wraps around a border is where no pair starts.
 */
export function strongestEdges(values: Tensor, { radius, none, ...options }: StrongestOptions): Tensor {
  return scope(() => {
    const [batch, rows, columns] = values.shape as [number, number, number]
    const { dtype, device } = values
    const area = rows * columns
    const flat = values.reshape(batch, area)
    const offsets = pairOffsets(radius)
    const strongest = ops.full([batch, offsets.length, area], none, { dtype, device })
    const step = ({ dy, dx }: Offset): number => dy * columns + dx
    for (const { plane, offset, part, rest } of pathSteps(radius)) {
      const from = Math.max(0, -offset.dx)
      const length = area - offset.dy * columns - Math.abs(offset.dx)
      if (length <= 0) continue
      scope(() => {
        const target = strongest.select(1, plane).narrow(1, from, length)
        const at = (map: Tensor, shift: Offset): Tensor => map.narrow(1, from + step(shift), length)
        const start = part && strongest.select(1, part.plane)
        const sources = [
          ...(start === undefined ? [] : [at(start, { dy: 0, dx: 0 }), at(start, part!.shift)]),
          ...rest.map(position => at(flat, position)),
        ]
        const [first, second, ...others] = sources as [Tensor, Tensor, ...Tensor[]]
        ops.maximumOut(first, second, target)
        for (const other of others) ops.maximumOut(target, other, target)
      })
    }
    const outside = withoutPair({ rows, columns }, { ...options, ...(radius !== undefined && { radius }) })
    const planes = strongest.reshape(batch, offsets.length, rows, columns)
    return ops.maskedFill_(planes, outside.to({ device }), none)
  })
}

/** Where no pair starts: bool [offsets, h, w]. */
function withoutPair({ rows, columns }: PairGrid, options: PairOptions): Tensor {
  const offsets = pairOffsets(options.radius)
  const data = new Uint8Array(offsets.length * rows * columns).fill(1)
  for (const [plane, offset] of offsets.entries()) {
    const { top, left, ...extent } = pairStarts({ rows, columns }, offset, options)
    for (let y = top; y < top + extent.rows; y++) {
      const first = (plane * rows + y) * columns + left
      data.fill(0, first, first + extent.columns)
    }
  }
  return fromData({ dtype: 'bool', shape: [offsets.length, rows, columns], data })
}
