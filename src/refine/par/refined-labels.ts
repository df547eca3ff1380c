/** @file Labels that AFA trains on, refined by PAR: of the CAMs themselves, and of the CAMs spread along affinities. */
import { IGNORE } from '../../io/label-values.ts'
import { fromData, noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import { cutToBox, type ImageBox, insideBox } from '../image-box.ts'
import { parOfEach } from './par.ts'
import type { ParParameters } from './parameters.ts'

export interface RefinedLabelOptions extends Partial<ParParameters> {
  /** What lies outside an image's box is unknown; the whole crop where they are not given. */
  readonly boxes?: readonly ImageBox[]
}

export interface PseudoLabelOptions extends RefinedLabelOptions {
  /** Scores of the background, once low, for all that might be foreground, and once high, for what surely is. */
  readonly low?: number
  readonly high?: number
}

/**
 * Class + 1, 0 or 255 where it is unknown, [B, H, W] (uint8): the softmax of background and CAMs [K, H, W] of each image's classes
 * through PAR at half the size (utils/camutils.py, refine_cams_with_bkg_v2). images [B, 3, H, W] as denormalisedImages makes them.
 */
export function refinedPseudoLabels(
  images: Tensor,
  each: readonly { readonly classes: readonly number[]; readonly cams: Tensor }[],
  { low = 0.35, high = 0.55, boxes, ...parameters }: PseudoLabelOptions = {},
): Tensor {
  return withoutGradient(() => {
    const half = halved(images)
    return labelsOf(
      each,
      own => {
        const cams = halved(ops.stack(own.map(i => each[i]!.cams)))
        const scores = [high, low].map(background => {
          const ground = ops.full([own.length, 1, ...cams.shape.slice(2)], background, {
            device: cams.device,
          })
          return ops.cat([ground, cams], { dim: 1 }).softmax(1)
        })
        const masks = ops.cat(scores, { dim: 1 })
        const pairs = own.map((i, at) => ({ image: half.select(0, i), masks: masks.select(0, at) }))
        return resized(ops.stack(parOfEach(pairs, parameters)), images.shape.slice(-2))
      },
      boxes,
    )
  })
}

/** Maps of an image's classes beside their background [K + 1, H, W], once with a low background and once with a high one. */
export interface SpreadMaps {
  readonly classes: readonly number[]
  readonly low: Tensor
  readonly high: Tensor
}

/**
 * The same of the maps of the affinities' walk. PAR sees what lies in the box alone (scripts/dist_train_voc.py,
 * refined_aff_label).
 */
export function refinedAffinityLabels(
  images: Tensor,
  each: readonly SpreadMaps[],
  { boxes, ...parameters }: RefinedLabelOptions = {},
): Tensor {
  return withoutGradient(() => {
    const maps = each.map(({ low, high }) => ops.cat([high, low]))
    const refined = refinedCams(images, maps, { ...(boxes && { boxes }), ...parameters })
    return labelsOf(each, own => ops.stack(own.map(i => refined[i]!)), boxes)
  })
}

/** Maps [K, H, W] of each image through PAR at half the size of its box; 0 outside of it (utils/camutils.py, refine_cams_with_cls_label). */
export function refinedCams(
  images: Tensor,
  each: readonly Tensor[],
  { boxes, ...parameters }: RefinedLabelOptions = {},
): Tensor[] {
  return scope(() =>
    noGrad(() => {
      const inside = each.map((_, i) => cutToBox(images.select(0, i), boxes?.[i]))
      const pairs = each.map((cams, i) => ({
        image: halved(inside[i]!.unsqueeze(0)).select(0, 0),
        masks: cutToBox(cams, boxes?.[i]),
      }))
      return parOfEach(pairs, parameters).map((small, i) => {
        const refined = resized(small.unsqueeze(0), inside[i]!.shape.slice(-2)).select(0, 0)
        const box = boxes?.[i]
        if (box === undefined) return refined
        const all = ops.zeros(each[i]!.shape, { device: refined.device })
        ops.copy_(cutToBox(all, box), refined)
        return all
      })
    }),
  )
}

/**
 * The label of each pixel that is best beside the high background; 255 where that is the background itself, but not beside the low
 * one; 255 outside the box. `scoresOf` images of one number of classes: [n, 2 (K + 1), H, W], background and classes, beside the high
 * background and then beside the low one.
 */
function labelsOf(
  each: readonly { readonly classes: readonly number[] }[],
  scoresOf: (images: readonly number[]) => Tensor,
  boxes: readonly ImageBox[] | undefined,
): Tensor {
  const labels: Tensor[] = []
  for (const own of alike(each)) {
    const made = scope(() => {
      const scores = scoresOf(own)
      const count = scores.size(1) / 2
      const [high, low] = [0, count].map(first => scores.narrow(1, first, count).max(1).indices) as [
        Tensor,
        Tensor,
      ]
      const data = Uint8Array.from(own.flatMap(i => [0, ...each[i]!.classes.map(index => index + 1)]))
      const numbers = fromData({ dtype: 'uint8', shape: [own.length, count], data }).to({
        device: scores.device,
      })
      const named = ops.gather(numbers, 1, high.reshape(own.length, -1)).reshape(...high.shape)
      const unknown = ops.maskedFill(ops.fullLike(named, IGNORE), low.eq(0), 0)
      return ops.where(high.eq(0), unknown, named)
    })
    for (const [at, i] of own.entries()) labels[i] = insideBox(made.select(0, at), boxes?.[i])
  }
  return ops.stack(labels)
}

/** Images with the same number of classes, which may be stacked. */
function alike(each: readonly { readonly classes: readonly number[] }[]): number[][] {
  const groups = new Map<number, number[]>()
  for (const [i, { classes }] of each.entries())
    groups.set(classes.length, [...(groups.get(classes.length) ?? []), i])
  return [...groups.values()]
}

/** [B, C, H, W] at half the size, a pixel at least. */
function halved(planes: Tensor): Tensor {
  return resized(
    planes,
    planes.shape.slice(-2).map(side => Math.max(1, Math.floor(side / 2))),
  )
}

function resized(planes: Tensor, size: readonly number[]): Tensor {
  if (planes.size(1) === 0) return ops.zeros([planes.size(0), 0, ...size], { device: planes.device })
  return ops.upsampleBilinear2d(planes, size, false)
}

function withoutGradient(body: () => Tensor): Tensor {
  return scope(() => noGrad(body))
}
