/** @file MCTformer's rule from views of an image to its CAMs (engine.py, generate_attention_maps_ms): the sum over scales and flips, stretched to [0, 1]. */
import { noGrad, ops, scope, type Tensor } from '../torch/index.ts'

/** What the CAMs of an image are made for. */
export interface CamTarget {
  /** The classes of the CAMs, those in the image. */
  readonly classes: readonly number[]
  /** Size of the CAMs, [H, W]; default: that of the first view. */
  readonly size?: readonly number[]
}

/** An image as views [1, 3, h, w] at several scales. */
export interface ImageOfViews extends CamTarget {
  readonly views: readonly Tensor[]
}

export interface FlipOption {
  /** Also use the flipped image at each scale. */
  readonly flip?: boolean
}

interface Stretch {
  /** From the sum over views [K, H, W] to [0, 1]; minMax. */
  readonly stretch?: (maps: Tensor) => Tensor
}

export type MultiScaleOptions = CamTarget & FlipOption & Stretch

/**
 * CAMs [K, H, W] in [0, 1] of the given classes. `viewCams` maps [B, 3, H, W] to [B, C, h, w]; its CAMs are resized
 * bilinearly to `size`, summed over views, then stretched to [0, 1] per class. `views` are [1, 3, h, w].
 */
export function multiScaleCams(
  viewCams: (images: Tensor) => Tensor,
  views: readonly Tensor[],
  { classes, size, ...options }: MultiScaleOptions,
): Tensor {
  return multiScaleCamsOf(viewCams, [{ views, classes, ...(size && { size }) }], options)[0]!
}

/** The same of images whose views are of the same sizes, which pass through the network together. */
export function multiScaleCamsOf(
  viewCams: (images: Tensor) => Tensor,
  images: readonly ImageOfViews[],
  { flip = true, stretch = minMax }: FlipOption & Stretch = {},
): Tensor[] {
  return noGrad(() =>
    scope(() => {
      const [{ views }] = images as [ImageOfViews]
      const sizes = images.map(({ size, views }) => size ?? views[0]!.shape.slice(-2))
      const sums = images.map(({ classes }, i) =>
        ops.zeros([classes.length, ...sizes[i]!], { device: views[0]!.device }),
      )
      for (const scale of views.keys()) {
        scope(() => {
          const each = images.map(image => image.views[scale]!)
          const both = flip ? [...each, ...each.map(view => view.flip(-1))] : each
          const cams = viewCams(ops.cat(both)).to({ dtype: 'float32' }) // libtorch resizes bfloat16 at a tenth of the speed
          for (const [i, { classes }] of images.entries()) {
            scope(() => {
              const of = (row: number): Tensor => {
                const own = cams.narrow(0, row, 1)
                const present = ops.cat(
                  classes.map(index => own.narrow(1, index, 1)),
                  { dim: 1 },
                )
                return ops.upsampleBilinear2d(present, sizes[i]!, false).select(0, 0) // [K, H, W]
              }
              ops.add_(sums[i]!, of(i))
              if (flip) ops.add_(sums[i]!, of(images.length + i).flip(-1))
            })
          }
        })
      }
      return sums.map(stretch)
    }),
  )
}

/** Each map stretched to [0, 1]: (v - min) / (max - min + 1e-8). [..., H, W] */
export function minMax(maps: Tensor): Tensor {
  const low = ops.amin(maps, { dim: [-2, -1], keepdim: true })
  const high = ops.amax(maps, { dim: [-2, -1], keepdim: true })
  return maps.sub(low).div(high.sub(low).add(1e-8))
}
