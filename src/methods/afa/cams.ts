/** @file CAMs of a training batch at several scales, and labels by thresholds (utils/camutils.py). */
import { IGNORE } from '../../io/label-values.ts'
import { type ImageBox, insideBox } from '../../refine/image-box.ts'
import { fromData, noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import type { Afa, AfaOutput } from './model.ts'

/** CAMs of one image, of the classes that it is tagged with alone. */
export interface ImageCams {
  /** Ascending, counted from 0. */
  readonly classes: readonly number[]
  /** [K, H, W] in [0, 1] */
  readonly cams: Tensor
}

export interface BatchCams {
  readonly images: readonly ImageCams[]
  /** At the largest scale, of the images as they are [B, N, N]; only `withAffinity`. */
  readonly affinity: Tensor | undefined
}

export interface BatchCamOptions {
  /** Classes of each image, ascending. */
  readonly classes: readonly (readonly number[])[]
  /** Of the images; 1 is always looked at, and first. */
  readonly scales?: readonly number[]
  /** Whether the head's running statistics see these passes, too; as the original while the network trains. */
  readonly observe?: boolean
  readonly withAffinity?: boolean
  /** Also look at the flip at each scale, as published. */
  readonly flip?: boolean
  /** What the network has just made of the same images, which are then not looked at again; its affinity, too, where that is wanted. */
  readonly seen?: AfaOutput
}

/**
 * The larger response of image and flip at each scale, without negative ones, summed over scales and stretched to [0, 1]
 * (multi_scale_cam_with_aff_mat). Every class is stretched on its own, so only those of the tags are made.
 * images [B, 3, H, W], normalised
 */
export function batchCams(
  network: Afa,
  images: Tensor,
  {
    classes,
    scales = [1, 0.5, 1.5],
    observe = network.training,
    withAffinity = true,
    flip = true,
    seen,
  }: BatchCamOptions,
): BatchCams {
  const [batch, , height, width] = images.shape as [number, number, number, number]
  const largest = Math.max(1, ...scales)
  return noGrad(() =>
    scope(() => {
      let affinity = withAffinity && largest === 1 ? seen?.affinity : undefined
      const views = [1, ...scales.filter(scale => scale !== 1)].map(scale =>
        scope(() => {
          const size = [Math.trunc(scale * height), Math.trunc(scale * width)]
          const scaled = scale === 1 ? images : ops.upsampleBilinear2d(images, size, false)
          const before = scale === 1 ? seen?.maps : undefined
          const affinityOf = withAffinity && scale === largest && affinity === undefined ? batch : 0
          const looked = [...(before === undefined ? [scaled] : []), ...(flip ? [scaled.flip(-1)] : [])]
          const made = network.cams(looked.length === 0 ? undefined : ops.cat(looked), {
            affinityOf,
            observe,
            before,
          })
          affinity ??= made.affinity
          return { view: taggedResponses(made.cams, classes, [height, width]), affinity: made.affinity }
        }),
      )
      const cams = stretched(views.map(({ view }) => view))
      let first = 0
      const each = classes.map(own => {
        const cut = { classes: own, cams: cams.narrow(0, first, own.length) }
        first += own.length
        return cut
      })
      return { images: each, affinity }
    }),
  )
}

/** Responses [B, C, h, w], or [2B, C, h, w] with the flips behind -> the larger one of each tagged class [P, H, W], image by image. */
function taggedResponses(
  responses: Tensor,
  classes: readonly (readonly number[])[],
  size: readonly [number, number],
): Tensor {
  const [, count, rows, columns] = responses.shape as [number, number, number, number]
  const flat = responses.reshape(-1, classes.length * count, rows, columns) // [1 or 2, B*C, h, w]
  const pairs = classes.flatMap((own, image) => own.map(index => flat.narrow(1, image * count + index, 1)))
  if (pairs.length === 0) return ops.zeros([0, ...size], { device: responses.device })
  const full = ops.upsampleBilinear2d(ops.cat(pairs, { dim: 1 }), size, false)
  const own = full.select(0, 0)
  return (full.size(0) === 1 ? own : ops.maximum(own, full.select(0, 1).flip(-1))).relu()
}

/** The sum of views [P, H, W], each map stretched: (v - min) / (max - min + 1e-5). */
function stretched(views: readonly Tensor[]): Tensor {
  return scope(() => {
    const sum = views.reduce((total, view) => total.add(view))
    if (sum.size(0) === 0) return sum
    const above = sum.sub(ops.amin(sum, { dim: [-2, -1], keepdim: true }))
    return ops.div_(above, ops.amax(above, { dim: [-2, -1], keepdim: true }).add(1e-5))
  })
}

export interface CamLabelOptions {
  /** At or below it a place is background. */
  readonly background?: number
  /** Two thresholds instead: at or below low background, above high the class, unknown in between. */
  readonly uncertain?: { readonly low: number; readonly high: number }
  /** What lies outside is unknown. */
  readonly box?: ImageBox
}

/** The class of the largest CAM + 1 at each place, 0 background, 255 unknown: [H, W] uint8. */
export function camLabels(
  { classes, cams }: ImageCams,
  { background = 0.45, uncertain, box }: CamLabelOptions = {},
): Tensor {
  return scope(() => {
    if (classes.length === 0) return insideBox(ops.zeros(cams.shape.slice(1), { dtype: 'uint8' }), box)
    const { values, indices } = cams.max(0)
    const names = fromData({
      dtype: 'uint8',
      shape: [classes.length],
      data: Uint8Array.from(classes, c => c + 1),
    })
    const labels = ops
      .indexSelect(names.to({ device: cams.device }), 0, indices.reshape(-1))
      .reshape(...values.shape)
    if (uncertain !== undefined) ops.maskedFill_(labels, values.le(uncertain.high), IGNORE)
    ops.maskedFill_(labels, values.le(uncertain?.low ?? background), 0)
    return insideBox(labels, box)
  })
}
