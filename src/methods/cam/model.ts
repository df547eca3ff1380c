/** @file A vision transformer with one class token and a linear classifier over the mean of its patch tokens. */
import {
  type BlockVisitor,
  VisionTransformer,
  type VisionTransformerOptions,
} from '../../models/vit/index.ts'
import { Linear, truncatedNormal } from '../../nn/index.ts'
import { scope, type Tensor } from '../../torch/index.ts'

export interface CamOptions extends Omit<VisionTransformerOptions, 'classTokens'> {
  readonly numClasses: number
}

export class Cam extends VisionTransformer {
  readonly head: Linear

  constructor({ numClasses, ...vit }: CamOptions) {
    super(vit)
    this.head = new Linear({ inFeatures: vit.embedDim, outFeatures: numClasses, init: truncatedNormal })
  }

  /** Patch tokens after the last norm [B, h*w, D] of images [B, 3, H, W], normalised. */
  patches(images: Tensor, visitor?: BlockVisitor): Tensor {
    return scope(() => {
      const [tokens] = this.tokens(images, [this.blocks.length], visitor)
      return tokens!.narrow(1, 1, tokens!.size(1) - 1)
    })
  }

  /** Class logits [B, C] in float32. */
  logits(images: Tensor): Tensor {
    return scope(() => this.head.forward(this.patches(images).mean(1)).to({ dtype: 'float32' }))
  }
}
