/** @file The labels of sure-labels.ts for a batch on its device, from maps of any range: for losses. */
import { UNSURE } from '../io/label-values.ts'
import { ops, scope, type Tensor } from '../torch/index.ts'
import { SURE, type SureOptions } from './sure-labels.ts'

const FAINTEST = 1e-6 // attention maps are far below 1

/** Class + 1, 0 or UNSURE, [B, H, W] (int64). maps [B, C, h, w], tags [B, C] in {0, 1} */
export function sureBatchLabels(
  maps: Tensor,
  {
    tags,
    size,
    foreground = SURE.foreground,
    background = SURE.background,
    margin = SURE.margin,
  }: { tags: Tensor; size: readonly [height: number, width: number] } & Partial<SureOptions>,
): Tensor {
  return scope(() => {
    const [batch, classes, h, w] = maps.shape as [number, number, number, number]
    const [sorted] = ops.sort(maps.reshape(batch, classes, h * w), { dim: -1 })
    const valueAt = (share: number): Tensor =>
      sorted.narrow(-1, Math.min(h * w - 1, Math.floor(share * h * w)), 1) // [B, C, 1]
    const fine = ops.upsampleBilinear2d(maps, size, false).reshape(batch, classes, -1)
    const there = tags.reshape(batch, classes, 1)
    const strength = fine.div(ops.clamp(valueAt(1 - foreground), { min: FAINTEST })).mul(there)
    const [first, place] = ops.maxDim(strength, 1, { keepdim: true }) // [B, 1, H*W]
    const own = ops.eq(
      ops.arange(0, classes, { dtype: 'int64', device: maps.device }).reshape(1, classes, 1),
      place,
    )
    const others = ops.maskedFill(strength, own, 0)
    const second = ops.amax(others, { dim: [1], keepdim: true })
    const sure = asNumber(ops.geScalar(first, 1)).mul(
      asNumber(ops.geScalar(first.sub(second.mul(margin)), 0)),
    )
    const loud = asNumber(ops.gtScalar(fine.sub(valueAt(background)), 0)).mul(there)
    const quiet = ops.ltScalar(ops.amax(loud, { dim: [1], keepdim: true }), 0.5)
    const open = ops.maskedFill(ops.fullLike(first, UNSURE), quiet, 0)
    const labels = ops.where(ops.gtScalar(sure, 0.5), place.to({ dtype: 'float32' }).add(1), open)
    return labels.reshape(batch, ...size).to({ dtype: 'int64' })
  })
}

function asNumber(condition: Tensor): Tensor {
  return condition.to({ dtype: 'float32' })
}
