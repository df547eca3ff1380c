/** @file Labels that AFA trains on, refined by PAR: of the CAMs themselves, and of the CAMs spread along affinities. */
import { IGNORE } from '../../io/label-values.ts'
import { fromFloat32 } from '../../io/tensor-data.ts'
import { fromData, noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import { par } from './par.ts'
import type { ParParameters } from './parameters.ts'

/** Where a crop shows its image: rows [top, bottom), columns [left, right); they may end beyond the crop. */
export type PixelBox = readonly [top: number, bottom: number, left: number, right: number]

interface RefinedBatch extends Partial<ParParameters> {
  /** [B, 3, H, W] in [0, 1], as denormalisedImages makes them. */
  readonly images: Tensor
  /** [B, C] in {0, 1}. */
  readonly tags: Tensor
  /** One for each image. */
  readonly boxes: readonly PixelBox[]
  /** The label of what is not known, and of what lies outside the box. */
  readonly ignore?: number
}

export interface RefinedPseudoLabels extends RefinedBatch {
  /** [B, C, H, W] in [0, 1]. */
  readonly cams: Tensor
  /** Scores of the background below which nothing is foreground, and above which everything is. */
  readonly low?: number
  readonly high?: number
}

/**
 * Class + 1, 0 or `ignore`, [B, H, W] (int64): the softmax of background and present classes through PAR at half the size,
 * once with the low and once with the high background (utils/camutils.py, refine_cams_with_bkg_v2).
 */
export function refinedPseudoLabels({
  images,
  cams,
  tags,
  boxes,
  low = 0.35,
  high = 0.55,
  ignore = IGNORE,
  ...parameters
}: RefinedPseudoLabels): Tensor {
  const [, , height, width] = images.shape as [number, number, number, number]
  return eachBoxed({ tags, boxes, ignore, size: [height, width] }, ({ b, labels, box }) => {
    const half = halved(images.narrow(0, b, 1))
    const present = labels.slice(1).map(label => halved(cams.narrow(0, b, 1).narrow(1, label - 1, 1)))
    const scores = [high, low].map(background => {
      const ground = ops.fullLike(half.narrow(1, 0, 1), background)
      return ops.cat([ground, ...present], { dim: 1 }).softmax(1)
    })
    const refined = par(half, ops.cat(scores, { dim: 1 }), parameters)
    const found = combinedLabels(refined, { labels, size: [height, width], ignore })
    return inBox(found, box)
  })
}

export interface RefinedAffinityLabels extends RefinedBatch {
  /** [B, C + 1, H, W], the background first: what the affinities make of the CAMs beside a low and a high background. */
  readonly low: Tensor
  readonly high: Tensor
}

/** As refinedPseudoLabels, of maps that have their background; PAR sees the box alone (scripts/dist_train_voc.py, refined_aff_label). */
export function refinedAffinityLabels({
  images,
  low,
  high,
  tags,
  boxes,
  ignore = IGNORE,
  ...parameters
}: RefinedAffinityLabels): Tensor {
  const [, , height, width] = images.shape as [number, number, number, number]
  return eachBoxed({ tags, boxes, ignore, size: [height, width] }, ({ b, labels, box }) => {
    const maps = [high, low].map(map => channels(inBox(map.narrow(0, b, 1), box), labels))
    const refined = par(halved(inBox(images.narrow(0, b, 1), box)), ops.cat(maps, { dim: 1 }), parameters)
    return combinedLabels(refined, { labels, size: extent(box), ignore })
  })
}

/** The maps [B, C + 1, H, W] through PAR in each box; 0 outside and for absent classes (camutils.py, refine_cams_with_cls_label). */
export function refinedClassMaps({
  images,
  maps,
  tags,
  boxes,
  ...parameters
}: Omit<RefinedBatch, 'ignore'> & { readonly maps: Tensor }): Tensor {
  return scope(() =>
    noGrad(() => {
      const all = ops.zeros(maps.shape, { device: maps.device })
      for (const { b, labels, box } of boxedImages({ tags, boxes, size: maps.shape.slice(2) })) {
        scope(() => {
          const own = channels(inBox(maps.narrow(0, b, 1), box), labels)
          const refined = par(halved(inBox(images.narrow(0, b, 1), box)), own, parameters)
          const fine = ops.upsampleBilinear2d(refined, extent(box), false)
          for (const [i, label] of labels.entries())
            ops.copy_(inBox(all.narrow(0, b, 1).narrow(1, label, 1), box), fine.narrow(1, i, 1))
        })
      }
      return all
    }),
  )
}

interface BoxedImage {
  readonly b: number
  /** The background's and those of the tags, ascending. */
  readonly labels: readonly number[]
  readonly box: PixelBox
}

interface Boxed {
  readonly tags: Tensor
  readonly boxes: readonly PixelBox[]
  readonly size: readonly number[]
}

/** Those with a pixel inside their box, which is cut at the edges. */
function boxedImages({ tags, boxes, size: [height = 0, width = 0] }: Boxed): BoxedImage[] {
  const [, classes] = tags.shape as [number, number]
  const present = tags.toFloat32Array()
  return boxes.flatMap(([top, bottom, left, right], b) => {
    const box: PixelBox = [
      Math.max(0, top),
      Math.min(height, bottom),
      Math.max(0, left),
      Math.min(width, right),
    ]
    if (box[0] >= box[1] || box[2] >= box[3]) return []
    const own = present.subarray(b * classes, (b + 1) * classes)
    const labels = [0, ...Array.from(own, (tag, k) => (tag > 0 ? k + 1 : 0)).filter(label => label > 0)]
    return [{ b, labels, box }]
  })
}

/** [B, H, W]: the labels of each box (1, h, w) in their place, `ignore` around them. */
function eachBoxed(
  { ignore, ...boxed }: Boxed & { ignore: number },
  labelsOf: (image: BoxedImage) => Tensor,
): Tensor {
  return scope(() =>
    noGrad(() => {
      const { tags, boxes, size } = boxed
      const all = ops.full([boxes.length, ...size], ignore, { dtype: 'int64', device: tags.device })
      for (const image of boxedImages(boxed))
        scope(() => ops.copy_(inBox(all.narrow(0, image.b, 1), image.box), labelsOf(image)))
      return all
    }),
  )
}

/**
 * [1, h, w] (int64): the label that is best beside the high background; `ignore` where it is the background but would be none
 * beside the low one. refined: [1, 2n, h, w] of the n labels, high before low.
 */
function combinedLabels(
  refined: Tensor,
  { labels, size, ignore }: { labels: readonly number[]; size: readonly [number, number]; ignore: number },
): Tensor {
  const fine = ops.upsampleBilinear2d(refined, size, false)
  const [high, low] = [0, labels.length].map(first => fine.narrow(1, first, labels.length).argmax(1))
  const numbers = fromData(fromFloat32(Float32Array.from(labels))).to({
    dtype: 'int64',
    device: refined.device,
  })
  const named = ops.indexSelect(numbers, 0, high!.reshape(-1)).reshape(1, ...size)
  const open = ops.maskedFill(ops.fullLike(named, ignore), low!.eq(0), 0)
  return ops.where(high!.eq(0), open, named)
}

/** A view of the last two axes. */
function inBox(planes: Tensor, [top, bottom, left, right]: PixelBox): Tensor {
  return planes.narrow(-2, top, bottom - top).narrow(-1, left, right - left)
}

function extent([top, bottom, left, right]: PixelBox): [height: number, width: number] {
  return [bottom - top, right - left]
}

function channels(maps: Tensor, indices: readonly number[]): Tensor {
  const places = fromData(fromFloat32(Float32Array.from(indices))).to({ dtype: 'int64', device: maps.device })
  return ops.indexSelect(maps, 1, places)
}

/** Half as large, a pixel at least. */
function halved(planes: Tensor): Tensor {
  const [, , height, width] = planes.shape as [number, number, number, number]
  const half = [height, width].map(side => Math.max(1, Math.floor(side / 2))) as [number, number]
  return ops.upsampleBilinear2d(planes, half, false)
}
