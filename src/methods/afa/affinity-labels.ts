/** @file Which places of a map belong together, told from a label map (utils/camutils.py, cams_to_affinity_label). */
import { IGNORE } from '../../io/label-values.ts'
import type { PatchGrid } from '../../models/vit/index.ts'
import { ops, scope, type Tensor } from '../../torch/index.ts'

/** Of a pair of places in `affinityLabels`; IGNORE where nothing is known. */
export const PAIR = { different: 0, same: 1 } as const

/** The radius of the published window, in places. */
export const RADIUS = 8

/**
 * Pairs of places at most `radius` apart in each direction, a square window (scripts/dist_train_voc.py, get_mask_by_radius):
 * [N, N] bool.
 */
export function nearPairs({ rows, columns }: PatchGrid, { radius = RADIUS, device = 'cpu' } = {}): Tensor {
  return scope(() => {
    const near = (extent: number): Tensor => {
      const place = ops.arange(0, extent, { device })
      return place.unsqueeze(0).sub(place.unsqueeze(1)).abs().le(radius)
    }
    const inRows = near(rows).reshape(rows, 1, rows, 1)
    return inRows.mul(near(columns).reshape(1, columns, 1, columns)).reshape(rows * columns, rows * columns)
  })
}

/**
 * labels [B, H, W] (0 background, 1.. a class, 255 unknown) -> pairs [B, N, N], uint8: 1 where both places of the grid have
 * the same label, background included, 0 where not, 255 where one is unknown or `near` does not hold them.
 */
export function affinityLabels(
  labels: Tensor,
  { grid, near }: { grid: PatchGrid; near: Tensor | undefined },
): Tensor {
  return scope(() => {
    const float = labels.to({ dtype: 'float32' }).unsqueeze(1)
    const places = ops.upsampleNearest2d(float, [grid.rows, grid.columns]).reshape(labels.size(0), -1)
    const [from, to] = [places.unsqueeze(2), places.unsqueeze(1)]
    const same = from.eq(to).to({ dtype: 'uint8' })
    for (const end of [from, to]) ops.maskedFill_(same, end.eq(IGNORE), IGNORE)
    return near === undefined ? same : ops.maskedFill_(same, near.eq(0), IGNORE)
  })
}
