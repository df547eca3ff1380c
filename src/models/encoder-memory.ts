/** @file Bytes that an encoder takes for one forward pass without autograd. Measured as peaks on images of 0.2 to 3 megapixels. Loads no libtorch. */
import type { Precision } from '../torch/precision.ts'
import type { VitOptions } from './vit/widths.ts'

export interface PixelSize {
  readonly width: number
  readonly height: number
}

/** A batch of images of one size. */
export interface EncoderLook {
  readonly size: PixelSize
  readonly batch: number
  readonly precision: Precision
}

/** The sizes that the memory of a vision transformer depends on. */
export type VitShape = Pick<VitOptions, 'heads' | 'embedDim' | 'patchSize'>

/** Pixels that pass through a network together. Fewer leave the processor waiting between operators, more do not fit into its caches. */
export const TOGETHER = 2 ** 18

const FLOAT = 4
const RESNET38_CASTS = 2 * 105e6 // its weights in bfloat16, as autocast keeps them
const TOKENS = 22 // tensors of all tokens that exist at once in a block: qkv twice, the MLP, its GELU, residuals

/** One block: its tokens, and the attention of all heads where a method has it `read`, in float32; else no head's is ever whole. */
export function vitMemory(
  { heads, embedDim, patchSize }: VitShape,
  {
    size: { width, height },
    batch,
    precision,
    classTokens,
    read,
  }: EncoderLook & { readonly classTokens: number; readonly read: boolean },
): { patches: number; tokens: number; bytes: number } {
  const patches = Math.ceil(width / patchSize) * Math.ceil(height / patchSize)
  const tokens = patches + classTokens
  const attention = read ? batch * heads * tokens ** 2 * (precision === 'fp32' ? FLOAT : 2 + FLOAT) : 0
  return { patches, tokens, bytes: attention + TOKENS * FLOAT * batch * tokens * embedDim }
}

/** The edge network on an image and its flip: on a vision transformer, or a ResNet where there is no shape. */
export function edgeMemory(
  shape: VitShape | undefined,
  { size, precision }: Omit<EncoderLook, 'batch'>,
): number {
  const pixels = size.width * size.height
  if (shape === undefined) return 700 * pixels
  return vitMemory(shape, { size, batch: 2, precision, classTokens: 1, read: false }).bytes + 80 * pixels
}

/** A dense backbone: of a vision transformer, or ResNet38 where there is no shape. */
export function denseMemory(
  shape: VitShape | undefined,
  { size, precision }: Omit<EncoderLook, 'batch'>,
): { bytes: number; stride: number } {
  const pixels = size.width * size.height
  if (shape === undefined)
    return { bytes: 1000 * pixels + (precision === 'fp32' ? 0 : RESNET38_CASTS), stride: 8 }
  const { bytes } = vitMemory(shape, { size, batch: 1, precision, classTokens: 1, read: false })
  return { bytes: bytes + 3 * FLOAT * pixels, stride: shape.patchSize / 2 }
}
