/** @file PAR of a batch inside a training step: the addon's kernel on the CPU, libtorch's operators elsewhere. */
import { InputError } from '../../errors.ts'
import { noGrad, ops, scope, type Tensor, tensor } from '../../torch/index.ts'
import { parMasksNow } from './kernel.ts'
import { parByOperators } from './operators.ts'
import { type ParParameters, parParameters } from './parameters.ts'

/**
 * The masks [B, C, H, W] after the iterations (AFA, wetr/PAR.py), without a gradient. images [B, 3, H, W] in [0, 1], masks
 * [B, C, h, w]: spread to the images' size, bilinear with aligned corners. Throws InputError.
 */
export function par(images: Tensor, masks: Tensor, options: Partial<ParParameters> = {}): Tensor {
  const parameters = parParameters(options, 'PAR')
  const [batch, colours, height, width] = images.shape
  if (images.shape.length !== 4 || masks.shape.length !== 4 || batch !== masks.shape[0] || colours !== 3) {
    throw new InputError('PAR', `images [${images.shape}] and masks [${masks.shape}]`, {
      expected: 'expected [B, 3, H, W] and [B, C, h, w]',
    })
  }
  if (images.device === 'cpu') return parByKernel(images, masks, parameters)
  return scope(() => {
    const fitting = noGrad(() => ops.upsampleBilinear2d(masks, [height!, width!], true))
    return parByOperators(images, fitting, parameters)
  })
}

function parByKernel(images: Tensor, masks: Tensor, parameters: ParParameters): Tensor {
  const [batch, , height, width] = images.shape as [number, number, number, number]
  const [, channels, maskHeight, maskWidth] = masks.shape as [number, number, number, number]
  const [pixels, given] = [images.toFloat32Array(), masks.toFloat32Array()]
  const refined = new Float32Array(batch * channels * height * width)
  for (let b = 0; b < batch; b++) {
    const own = (all: Float32Array): Float32Array => {
      const length = all.length / batch
      return all.subarray(b * length, (b + 1) * length)
    }
    const image = {
      width,
      height,
      image: own(pixels),
      masks: own(given),
      maskSize: { width: maskWidth, height: maskHeight },
    }
    own(refined).set(parMasksNow({ ...image, ...parameters }))
  }
  return tensor(refined, [batch, channels, height, width])
}
