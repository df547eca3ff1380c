/** @file The losses of CTI between CAMs (model_CTI.py, update). Nothing is detached but what is said to be. */
import { ops, scope, type Tensor } from '../../torch/index.ts'

const EPS = 1e-5

/** Each map stretched to [0, 1]: (v - min - eps)_+ / (max - min + eps) of v = ReLU(map). maps [..., H, W] (max_norm) */
export function maxNorm(maps: Tensor): Tensor {
  return scope(() => {
    const positive = maps.relu()
    const low = ops.amin(positive, { dim: [-2, -1], keepdim: true })
    const high = ops.amax(positive, { dim: [-2, -1], keepdim: true })
    return positive.sub(low).sub(EPS).relu().div(high.sub(low).add(EPS))
  })
}

/** Mean absolute difference. */
const distance = (a: Tensor, b: Tensor): Tensor => a.sub(b).abs().mean()

/** What the background loss is made of. */
export interface BackgroundInputs {
  /** ReLU of the responses [B, 1 + C, h, w], the background first. */
  readonly cams: Tensor
  /** Class-to-patch attention [B, 1 + C, h*w]. */
  readonly classes: Tensor
  /** Patch-to-patch attention [B, h*w, h*w]. */
  readonly patches: Tensor
}

export interface RefinedMaps {
  /** Before the affinity: the strongest fused CAM of the tags, and the background's, [B, 2, h, w]. */
  readonly fused: Tensor
  /** After it, stretched, in float64. */
  readonly refined: Tensor
}

/** Foreground and background CAM, spread along the affinity in float64 as published. targets [B, C] in {0, 1} */
export function refinedMaps(
  { cams, classes, patches }: BackgroundInputs,
  targets: Tensor,
  { detachCams = false }: { detachCams?: boolean } = {},
): RefinedMaps {
  return scope(() => {
    const [batch, labels, rows, columns] = cams.shape as [number, number, number, number]
    const attended = classes.reshape(batch, labels, rows, columns)
    const part = (maps: Tensor, first: number, count: number): Tensor =>
      maps.narrow(1, first, count).mul(attended.narrow(1, first, count))
    const tagged = part(detachCams ? cams.detach() : cams, 1, labels - 1).mul(
      targets.reshape(batch, labels - 1, 1, 1),
    )
    const fused = ops.cat([ops.amax(tagged, { dim: [1], keepdim: true }), part(cams, 0, 1)], { dim: 1 })
    const flat = fused.reshape(batch, 2, rows * columns).to({ dtype: 'float64' })
    const spread = flat.matmul(patches.to({ dtype: 'float64' }).transpose(1, 2)) // [B, 2, h*w]
    return { fused, refined: maxNorm(spread.reshape(batch, 2, rows, columns)) }
  })
}

/** L_bg = mean |(1 - foreground) - background| of maps [B, 2, h, w]. */
export function backgroundLoss({ refined }: Pick<RefinedMaps, 'refined'>): Tensor {
  return scope(() => {
    const [foreground, background] = [refined.select(1, 0), refined.select(1, 1)]
    return distance(foreground.neg().add(1), background).to({ dtype: 'float32' })
  })
}

/** L_intra: CAMs against those after infusion of the other view's tokens; all labels, tagged or not. Both [B, 1 + C, h, w] */
export function intraLoss(stretched: Tensor, infused: Tensor): Tensor {
  return scope(() => distance(stretched, maxNorm(infused)))
}

/** L_cross: the same of the classes alone, against CAMs fused with the attention `classes` [B, 1 + C, h*w] of the blocks after infusion. */
export function crossLoss(
  stretched: Tensor,
  { cams, classes }: Pick<BackgroundInputs, 'cams' | 'classes'>,
): Tensor {
  return scope(() => {
    const count = cams.size(1) - 1
    const fused = cams.mul(classes.reshape(...cams.shape)).narrow(1, 1, count)
    return distance(stretched.narrow(1, 1, count), maxNorm(fused))
  })
}
