/** @file Segmentation logits of an image at several scales and flipped (scripts/test_msc_flip.py). */
import { noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import type { Afa } from './model.ts'

export interface LookOptions {
  /** Of the image; 1 is always looked at. */
  readonly scales?: readonly number[]
  readonly flip?: boolean
}

export interface SegmentationLogits {
  /** Of the image alone [1 + C, h, w]. */
  readonly single: Tensor
  /** The largest logit over scales, each the mean of image and flip, at the size of `single`. */
  readonly multi: Tensor
}

/** image [1, 3, H, W], normalised. Call in eval mode. */
export function segmentationLogits(
  network: Afa,
  image: Tensor,
  { scales = [1, 0.5, 0.75], flip = true }: LookOptions = {},
): SegmentationLogits {
  return noGrad(() =>
    scope(() => {
      const [height, width] = [image.size(2), image.size(3)]
      const look = (view: Tensor): Tensor =>
        network.forward(flip ? ops.cat([view, view.flip(-1)]) : view).segLogits
      const together = (logits: Tensor): Tensor =>
        flip ? logits.select(0, 0).add(logits.select(0, 1).flip(-1)).div(2) : logits.select(0, 0)
      const full = look(image)
      const size = full.shape.slice(2)
      const others = scales
        .filter(scale => scale !== 1)
        .map(scale =>
          scope(() => {
            // scaled by the factor itself, as PyTorch does where it is given one, though the size is cut to whole pixels
            const factor = { scalesH: scale, scalesW: scale }
            const to = [Math.floor(height * scale), Math.floor(width * scale)]
            const logits = look(ops.upsampleBilinear2d(image, to, false, factor))
            return together(ops.upsampleBilinear2d(logits, size, false))
          }),
        )
      const multi = others.reduce((most, logits) => ops.maximum(most, logits), together(full))
      return { single: full.select(0, 0).clone(), multi }
    }),
  )
}
