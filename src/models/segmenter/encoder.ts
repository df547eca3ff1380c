/** @file The Segmenter's encoder: a DeiT with PyTorch's own epsilon in its norms, the last norm applied (segm/model/vit.py). */
import { Linear, truncatedNormal } from '../../nn/index.ts'
import type { Tensor } from '../../torch/index.ts'
import { VisionTransformer, type VisionTransformerOptions } from '../vit/index.ts'

export interface SegmenterEncoderOptions
  extends Omit<VisionTransformerOptions, 'classTokens' | 'eps' | 'resample'> {
  /** Labels of the classifier in checkpoints, which is never called. */
  readonly headClasses?: number
}

/** One class token; positions of another grid are resampled bilinearly. DeiT itself was trained with an epsilon of 1e-6. */
export class SegmenterEncoder extends VisionTransformer {
  readonly head: Linear

  constructor({ headClasses = 1000, ...options }: SegmenterEncoderOptions) {
    super({ ...options, eps: 1e-5, resample: 'bilinear' })
    this.head = new Linear({
      inFeatures: options.embedDim,
      outFeatures: headClasses,
      init: truncatedNormal,
    })
  }

  /** images [B, 3, H, W], normalised -> tokens after the last norm [B, 1 + h*w, D], the class token first */
  encode(images: Tensor): Tensor {
    return this.tokens(images, [this.blocks.length])[0]!
  }
}
