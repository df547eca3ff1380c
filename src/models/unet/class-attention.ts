/** @file Pixels attend to class tokens: class information goes into the features, class evidence comes out. */
import { Conv2d, Linear, Module, Parameter, truncatedNormal } from '../../nn/index.ts'
import { ops, scope, type Tensor } from '../../torch/index.ts'

export interface ClassAttentionOptions {
  /** Channels of a pixel. */
  readonly width: number
  /** Channels of a class token. */
  readonly embedDim: number
  readonly numClasses: number
}

/** What attention leaves: pixels [B, w, H, W] with the class information in them, and the evidence [B, C, H, W]. */
export interface Informed {
  readonly pixels: Tensor
  readonly evidence: Tensor
}

const KEY = 32 // channels of queries and keys

/**
 * Cross-attention of one head: queries from pixels, keys and values from the class tokens. The scores q.k are the
 * evidence for each class; a pixel of no class attends to nothing (a further score that is always 0).
 */
export class ClassAttention extends Module {
  readonly query: Conv2d
  readonly key: Linear
  readonly value: Linear
  /** What tells the classes apart while their tokens are still the same, as DeiT's weights leave them. */
  readonly classKey: Parameter

  constructor({ width, embedDim, numClasses }: ClassAttentionOptions) {
    super()
    this.query = new Conv2d({ inChannels: width, outChannels: KEY, kernel: 1 })
    this.key = new Linear({ inFeatures: embedDim, outFeatures: KEY, init: truncatedNormal })
    this.value = new Linear({ inFeatures: embedDim, outFeatures: width, init: truncatedNormal })
    this.classKey = new Parameter(truncatedNormal([numClasses, KEY], { std: KEY ** -0.5 }))
  }

  /** pixels [B, w, H, W], class tokens [B, C, D] */
  forward(pixels: Tensor, classTokens: Tensor): Informed {
    return scope(() => {
      const [batch, , height, width] = pixels.shape as [number, number, number, number]
      const queries = this.query.forward(pixels).reshape(batch, KEY, -1) // [B, d, H*W]
      const keys = this.key.forward(classTokens).add(this.classKey) // [B, C, d]
      const scores = keys.matmul(queries).to({ dtype: 'float32' }) // [B, C, H*W]
      const nothing = ops.zeros([batch, 1, height * width], { device: pixels.device })
      const attention = ops.cat([scores, nothing], { dim: 1 }).softmax(1).narrow(1, 0, scores.size(1))
      const values = this.value.forward(classTokens).transpose(1, 2) // [B, w, C]
      return {
        pixels: pixels.add(values.matmul(attention).reshape(...pixels.shape)),
        evidence: scores.reshape(batch, -1, height, width),
      }
    })
  }
}
