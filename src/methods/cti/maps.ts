/** @file CAMs of CTI (model_CTI.py, infer_multi): classes and background, spread along the attention of all layers. */
import { scope, type Tensor } from '../../torch/index.ts'
import { type AttentionType, combineCams } from '../combine-cams.ts'
import type { ImageCamOptions } from '../multi-scale.ts'
import { multiScaleCams } from '../multi-scale.ts'
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

/** CAMs [K, H, W] in [0, 1] of the given classes of one image, from its views [1, 3, h, w]. */
export function ctiImageCams(
  network: Cti,
  views: readonly Tensor[],
  { classes, ...options }: ImageCamOptions,
  { background = 'discarded', ...maps }: CtiCamOptions = {},
): Tensor {
  const labels = classes.map(index => index + 1)
  const look = (images: Tensor): Tensor => ctiCams(network, images, maps)
  const made = { ...options, stretch: maxNorm }
  if (background === 'discarded') return multiScaleCams(look, views, { ...made, classes: labels })
  return scope(() => {
    const all = multiScaleCams(look, views, { ...made, classes: [0, ...labels] })
    const own = all.narrow(0, 1, labels.length)
    return own.div(own.add(all.narrow(0, 0, 1)).add(TINY))
  })
}

const TINY = 1e-8 // where neither has anything, the background wins
