/** @file Position embeddings for grids other than the trained one. */
import { ops, scope, type Tensor } from '../../torch/index.ts'

/**
 * Resampling of a square position grid, bicubic by default: [1, side*side, D] -> [1, h*w, D].
 * The original passes scale factors (h + fudge)/side, and PyTorch maps coordinates by them rather than by the sizes:
 * with MCTformer V1/V2's fudge of 0.1 the embedding differs by 6-7 % from a plain resize, and the weights expect that.
 */
export function resamplePositions(
  positions: Tensor,
  {
    rows,
    columns,
    fudge = 0,
    filter = 'bicubic',
  }: { rows: number; columns: number; fudge?: number; filter?: 'bicubic' | 'bilinear' },
): Tensor {
  return scope(() => {
    const [, count, width] = positions.shape as [number, number, number]
    const side = Math.round(Math.sqrt(count))
    const grid = positions.reshape(1, side, side, width).permute(0, 3, 1, 2) // [1, D, side, side]
    const resized =
      filter === 'bilinear'
        ? ops.upsampleBilinear2d(grid, [rows, columns], false)
        : ops.upsampleBicubic2d(grid, [rows, columns], false, {
            scalesH: (rows + fudge) / side,
            scalesW: (columns + fudge) / side,
          })
    return resized.permute(0, 2, 3, 1).reshape(1, rows * columns, width)
  })
}
