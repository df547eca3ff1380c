/** @file What the U-Net learns from: the tags, and the places where the transformer's own CAMs are sure (docs/adr/0003-unet.md). */
import { UNSURE } from '../../io/label-values.ts'
import { segmentationLoss } from '../../models/segmentation/index.ts'
import { noGrad, ops, scope, type Tensor } from '../../torch/index.ts'

export interface UnetLossOptions {
  /** Share of an image, the highest values of a tag's map, that is of the tag. */
  readonly foreground?: number
  /** Share of it, the lowest values, that is of nothing where all tags agree. */
  readonly background?: number
  /** How many times as strong as any other tag's a map must be. */
  readonly margin?: number
}

const FAINTEST = 1e-6 // a map that is lower is of nothing

/**
 * Cross entropy over "nothing" (score 0) and the classes. Elsewhere than at the sure places a pixel may be nothing or any of
 * the image's tags, and costs -log of their probability together: of classes that are not in the tags there is
 * none anywhere. evidence [B, C, H, W], the transformer's maps [B, C, h, w], tags [B, C] in {0, 1}.
 */
export function unetLoss(
  evidence: Tensor,
  { maps, tags, ...options }: { maps: Tensor; tags: Tensor } & UnetLossOptions,
): Tensor {
  return scope(() => {
    const [batch, , height, width] = evidence.shape as [number, number, number, number]
    const nothing = ops.zeros([batch, 1, height, width], { device: evidence.device })
    const { labels, candidates } = noGrad(() => ({
      labels: sureLabels(maps.to({ dtype: 'float32' }), { tags, size: [height, width], ...options }),
      candidates: ops.cat([ops.ones([batch, 1], { device: tags.device }), tags], { dim: 1 }),
    }))
    return segmentationLoss(ops.cat([nothing, evidence], { dim: 1 }), labels, { candidates })
  })
}

/** As refine/sure-labels.ts, for a batch: class + 1, 0 or UNSURE, [B, H, W] (int64). maps [B, C, h, w], tags [B, C] */
export function sureLabels(
  maps: Tensor,
  {
    tags,
    size,
    foreground = 0.15,
    background = 0.4,
    margin = 1.5,
  }: { tags: Tensor; size: readonly [height: number, width: number] } & UnetLossOptions,
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
