/** @file PAR of a batch inside a training step: the addon's kernel on the CPU, libtorch's operators elsewhere. */
import { InputError } from '../../errors.ts'
import { noGrad, ops, scope, type Tensor, tensor } from '../../torch/index.ts'
import { type ParImage, parMasksNow } from './kernel.ts'
import { parByOperators } from './operators.ts'
import { type ParParameters, parParameters } from './parameters.ts'

/**
 * The masks [B, C, H, W] after the iterations (AFA, wetr/PAR.py), without a gradient. images [B, 3, H, W] in [0, 1], masks
 * [B, C, h, w]: spread to the images' size, bilinear with aligned corners. Throws InputError.
 */
export function par(images: Tensor, masks: Tensor, options: Partial<ParParameters> = {}): Tensor {
  const [batch, colours] = images.shape
  if (images.shape.length !== 4 || masks.shape.length !== 4 || batch !== masks.shape[0] || colours !== 3) {
    throw new InputError('PAR', `images [${images.shape}] and masks [${masks.shape}]`, {
      expected: 'expected [B, 3, H, W] and [B, C, h, w]',
    })
  }
  return scope(() => {
    const each = Array.from({ length: batch! }, (_, b) => ({
      image: images.select(0, b),
      masks: masks.select(0, b),
    }))
    return ops.stack(parOfEach(each, options))
  })
}

/** The same of images [3, H, W] that have masks [C, h, w] of their own number and size; on the CPU side by side. */
export function parOfEach(
  each: readonly { readonly image: Tensor; readonly masks: Tensor }[],
  options: Partial<ParParameters> = {},
): Tensor[] {
  const parameters = parParameters(options, 'PAR')
  if (each.every(({ image }) => image.device === 'cpu')) {
    const samples = each.map(({ image, masks }) => ({ ...parImage(image, masks), ...parameters }))
    return parMasksNow(samples).map((refined, i) =>
      tensor(refined, [each[i]!.masks.size(0), ...each[i]!.image.shape.slice(1)]),
    )
  }
  return each.map(({ image, masks }) =>
    scope(() => {
      const fitting = noGrad(() => ops.upsampleBilinear2d(masks.unsqueeze(0), image.shape.slice(1), true))
      return parByOperators(image.unsqueeze(0), fitting, parameters).select(0, 0)
    }),
  )
}

function parImage(image: Tensor, masks: Tensor): ParImage {
  const [, height, width] = image.shape as [number, number, number]
  const [, maskHeight, maskWidth] = masks.shape as [number, number, number]
  const maskSize = { width: maskWidth, height: maskHeight }
  return { width, height, image: image.toFloat32Array(), masks: masks.toFloat32Array(), maskSize }
}
