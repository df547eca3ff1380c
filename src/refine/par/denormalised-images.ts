/** @file Normalised images back to the colours that PAR reads. */
import { IMAGENET, type Normalisation } from '../../data/transforms/normalise.ts'
import { noGrad, scope, type Tensor, tensor } from '../../torch/index.ts'

/**
 * [B, 3, H, W] in [0, 1], each value a byte / 255. Cut off to bytes as AFA does (utils/imutils.py, denormalize_img2), so that
 * a byte may be one below what it was; values that no image has begin again at the other end.
 */
export function denormalisedImages(images: Tensor, { mean, std }: Normalisation = IMAGENET): Tensor {
  return scope(() =>
    noGrad(() => {
      const [scale, shift] = [std, mean].map(colour =>
        tensor(
          colour.map(value => 255 * value),
          [1, 3, 1, 1],
        ).to({ device: images.device }),
      )
      const values = images.detach().mul(scale!).add(shift!)
      return values.to({ dtype: 'int32' }).to({ dtype: 'uint8' }).to({ dtype: 'float32' }).div(255)
    }),
  )
}
