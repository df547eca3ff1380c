/** @file MCTformer's rule from views of an image to its CAMs (engine.py, generate_attention_maps_ms): the sum over scales and flips, stretched to [0, 1]. */
import { noGrad, ops, scope, type Tensor } from '../torch/index.ts'

export interface ImageCamOptions {
  /** The classes of the CAMs, those in the image. */
  readonly classes: readonly number[]
  /** Also use the flipped image at each scale. */
  readonly flip?: boolean
  /** Size of the CAMs, [H, W]; default: that of the first view. */
  readonly size?: readonly number[]
}

export interface MultiScaleOptions extends ImageCamOptions {
  /** From the sum over views [K, H, W] to [0, 1]; minMax. */
  readonly stretch?: (maps: Tensor) => Tensor
}

/**
 * CAMs [K, H, W] in [0, 1] of the given classes. `viewCams` maps [B, 3, H, W] to [B, C, h, w]; its CAMs are resized
 * bilinearly to `size`, summed over views, then stretched to [0, 1] per class. `views` are [1, 3, h, w].
 */
export function multiScaleCams(
  viewCams: (images: Tensor) => Tensor,
  views: readonly Tensor[],
  { classes, flip = true, size = views[0]!.shape.slice(-2), stretch = minMax }: MultiScaleOptions,
): Tensor {
  return noGrad(() =>
    scope(() => {
      const sum = ops.zeros([classes.length, ...size], { device: views[0]!.device })
      for (const view of views) {
        scope(() => {
          const both = flip ? ops.cat([view, view.flip(-1)]) : view
          const cams = viewCams(both)
          const present = ops.cat(
            classes.map(index => cams.narrow(1, index, 1)),
            { dim: 1 },
          )
          const full = ops.upsampleBilinear2d(present, size, false) // [1 or 2, K, H, W]
          ops.add_(sum, full.select(0, 0))
          if (flip) ops.add_(sum, full.select(0, 1).flip(-1))
        })
      }
      return stretch(sum)
    }),
  )
}

/** Each map stretched to [0, 1]: (v - min) / (max - min + 1e-8). [..., H, W] */
export function minMax(maps: Tensor): Tensor {
  const low = ops.amin(maps, { dim: [-2, -1], keepdim: true })
  const high = ops.amax(maps, { dim: [-2, -1], keepdim: true })
  return maps.sub(low).div(high.sub(low).add(1e-8))
}
