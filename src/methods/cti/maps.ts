/** @file CAMs of CTI (model_CTI.py, infer_multi): classes and background, spread along the attention of all layers. */
import { scope, type Tensor } from '../../torch/index.ts'
import { type AttentionType, combineCams } from '../combine-cams.ts'
import { type FlipOption, type ImageOfViews, multiScaleCamsOf } from '../multi-scale.ts'
import { type AffinityKind, applyPatchAffinity } from '../patch-affinity.ts'
import { AttentionSums } from './attention-sums.ts'
import { maxNorm } from './losses.ts'
import type { Cti } from './model.ts'

/**
 * discarded: CAMs of the classes alone, as published, beside a background of a constant score. token: each class over itself and
 * the background's CAM, which is where the class wins above 0.5, so no threshold has to be found.
 */
export type Background = 'discarded' | 'token'

export interface CtiCamOptions {
  /** fused: attention x patch maps; mct: attention alone; patchcam: patch maps alone. */
  readonly attention?: AttentionType
  /** Spread each map along the patch-to-patch attention. */
  readonly refine?: boolean
  /** The affinity from that attention. */
  readonly affinity?: AffinityKind
  readonly background?: Background
}

/** CAMs [B, 1 + C, h, w] of images [B, 3, H, W], the background first, one value a patch, not normalised. Call without autograd. */
export function ctiCams(
  network: Cti,
  images: Tensor,
  { attention = 'fused', refine = true, affinity = 'published' }: CtiCamOptions = {},
): Tensor {
  return scope(() => {
    const sums = new AttentionSums(network.numClasses, { classes: 0, ...(refine && { patches: 0 }) })
    const cams = network.forward(images, { sums }).patchMaps.relu()
    const fused = combineCams(sums.classes.reshape(...cams.shape), cams, attention)
    return refine ? applyPatchAffinity(fused, sums.patches, { affinity }) : fused
  })
}

/** CAMs [K, H, W] in [0, 1] of the given classes of each image; their views have the same sizes. */
export function ctiCamsOf(
  network: Cti,
  images: readonly ImageOfViews[],
  options: FlipOption = {},
  { background = 'discarded', ...maps }: CtiCamOptions = {},
): Tensor[] {
  const first = background === 'token' ? [0] : []
  const labelled = images.map(image => ({
    ...image,
    classes: [...first, ...image.classes.map(index => index + 1)],
  }))
  return scope(() => {
    const look = (views: Tensor): Tensor => ctiCams(network, views, maps)
    const cams = multiScaleCamsOf(look, labelled, { ...options, stretch: maxNorm })
    if (background === 'discarded') return cams
    return cams.map(all => {
      const own = all.narrow(0, 1, all.size(0) - 1)
      return own.div(own.add(all.narrow(0, 0, 1)).add(TINY))
    })
  })
}

const TINY = 1e-8 // where neither has anything, the background wins
