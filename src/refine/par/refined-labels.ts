/** @file Labels that AFA trains on, refined by PAR: of the CAMs themselves, and of the CAMs spread along affinities. */
import { IGNORE } from '../../io/label-values.ts'
import { fromData, noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import { cutToBox, type ImageBox, insideBox } from '../image-box.ts'
import { par } from './par.ts'
import type { ParParameters } from './parameters.ts'

export interface RefinedLabelOptions extends Partial<ParParameters> {
  /** What lies outside is unknown; the whole crop where it is not given. */
  readonly box?: ImageBox
}

export interface PseudoLabelOptions extends RefinedLabelOptions {
  /** Scores of the background, once low, for all that might be foreground, and once high, for what surely is. */
  readonly low?: number
  readonly high?: number
}

/**
 * Class + 1, 0 or 255 where it is unknown, [H, W] (uint8): the softmax of background and CAMs [K, H, W] of the image's classes
 * through PAR at half the size (utils/camutils.py, refine_cams_with_bkg_v2). image [3, H, W] as denormalisedImages makes it.
 */
export function refinedPseudoLabels(
  image: Tensor,
  { classes, cams }: { readonly classes: readonly number[]; readonly cams: Tensor },
  { low = 0.35, high = 0.55, box, ...parameters }: PseudoLabelOptions = {},
): Tensor {
  return withoutGradient(() => {
    const half = halved(image)
    const scores = [high, low].map(background => {
      const ground = ops.fullLike(half.narrow(0, 0, 1), background)
      return (classes.length === 0 ? ground : ops.cat([ground, halved(cams)])).softmax(0)
    })
    const refined = fullSize(refinedAt(half, ops.cat(scores), parameters), image)
    return insideBox(combinedLabels(refined, classes), box)
  })
}

/**
 * The same of two maps [K + 1, H, W] that have their background, the affinities' walk with a low and with a high one. PAR sees
 * what lies in the box alone (scripts/dist_train_voc.py, refined_aff_label).
 */
export function refinedAffinityLabels(
  image: Tensor,
  {
    classes,
    low,
    high,
  }: { readonly classes: readonly number[]; readonly low: Tensor; readonly high: Tensor },
  options: RefinedLabelOptions = {},
): Tensor {
  return withoutGradient(() =>
    insideBox(combinedLabels(refinedCams(image, ops.cat([high, low]), options), classes), options.box),
  )
}

/** Maps [K, H, W] through PAR at half the size of the box; 0 outside of it (utils/camutils.py, refine_cams_with_cls_label). */
export function refinedCams(
  image: Tensor,
  cams: Tensor,
  { box, ...parameters }: RefinedLabelOptions = {},
): Tensor {
  return withoutGradient(() => {
    const inside = cutToBox(image, box)
    const refined = fullSize(refinedAt(halved(inside), cutToBox(cams, box), parameters), inside)
    if (box === undefined) return refined
    const all = ops.zeros(cams.shape, { device: cams.device })
    ops.copy_(cutToBox(all, box), refined)
    return all
  })
}

/**
 * The label that is best beside the high background; 255 where that is the background itself, but not beside the low one.
 * scores [2 (K + 1), H, W]: background and classes, beside the high background and then beside the low one.
 */
function combinedLabels(scores: Tensor, classes: readonly number[]): Tensor {
  const count = classes.length + 1
  const [high, low] = [0, count].map(first => scores.narrow(0, first, count).argmax(0)) as [Tensor, Tensor]
  const data = Uint8Array.of(0, ...classes.map(index => index + 1))
  const numbers = fromData({ dtype: 'uint8', shape: [count], data }).to({ device: scores.device })
  const labels = ops.indexSelect(numbers, 0, high.reshape(-1)).reshape(...high.shape)
  const unknown = ops.maskedFill(ops.fullLike(labels, IGNORE), low.eq(0), 0)
  return ops.where(high.eq(0), unknown, labels)
}

function refinedAt(image: Tensor, masks: Tensor, parameters: Partial<ParParameters>): Tensor {
  return par(image.unsqueeze(0), masks.unsqueeze(0), parameters).select(0, 0)
}

/** [C, H, W] at half the size, a pixel at least. */
function halved(planes: Tensor): Tensor {
  return resized(
    planes,
    [planes.size(1), planes.size(2)].map(side => Math.max(1, Math.floor(side / 2))),
  )
}

/** [C, h, w] at the size of `like` [.., H, W]. */
function fullSize(planes: Tensor, like: Tensor): Tensor {
  return resized(planes, like.shape.slice(-2))
}

function resized(planes: Tensor, size: readonly number[]): Tensor {
  return ops.upsampleBilinear2d(planes.unsqueeze(0), size, false).select(0, 0)
}

function withoutGradient(body: () => Tensor): Tensor {
  return scope(() => noGrad(body))
}
