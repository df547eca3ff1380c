/** @file Pixels attend to class tokens: they return features with class information, and class evidence. */
import { Conv2d, Linear, Module, Parameter, truncatedNormal } from '../../nn/index.ts'
import { ops, scope, type Tensor } from '../../torch/index.ts'

export interface ClassAttentionOptions {
  /** Channels of a pixel. */
  readonly width: number
  /** Channels of a class token. */
  readonly embedDim: number
  readonly numClasses: number
}

/** The output: pixels [B, w, H, W] with the class information in them, and the evidence [B, C, H, W]. */
export interface Informed {
  readonly pixels: Tensor
  readonly evidence: Tensor
}

const KEY = 32 // channels of queries and keys

/**
 * Cross-attention of one head: queries from pixels, keys and values from the class tokens; a pixel of no class attends
 * to nothing (a further score that is always 0). The evidence for a class is the query times the class's own key: its
 * token knows the tags from the whole image, and evidence read off the token would not say where.
 */
export class ClassAttention extends Module {
  readonly query: Conv2d
  readonly key: Linear
  readonly value: Linear
  /** Added to the keys from the tokens, which are all the same at first where DeiT's weights are taken. */
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
      const evidence = this.classKey.matmul(queries).to({ dtype: 'float32' }) // [B, C, H*W]
      const scores = this.key.forward(classTokens).matmul(queries).add(evidence)
      const nothing = ops.zeros([batch, 1, height * width], { device: pixels.device })
      const attention = ops.cat([scores, nothing], { dim: 1 }).softmax(1).narrow(1, 0, evidence.size(1))
      const values = this.value.forward(classTokens).transpose(1, 2) // [B, w, C]
      return {
        pixels: pixels.add(values.matmul(attention).reshape(...pixels.shape)),
        evidence: evidence.reshape(batch, -1, height, width),
      }
    })
  }
}
