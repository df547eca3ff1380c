/** @file The U-Net global-feature module (reproduction, section 3.2; its sizes are ours: docs/adr/0003-unet.md). */
import { Conv2d, LayerNorm, Linear, Module, truncatedNormal } from '../../nn/index.ts'
import { ops, scope, type Tensor } from '../../torch/index.ts'
import { ClassAttention } from './class-attention.ts'
import { ConvNormRelu } from './conv-norm-relu.ts'

export interface UnetOptions {
  readonly numClasses: number
  /** Channels of the transformer's tokens. */
  readonly embedDim: number
  /** Channels at the finest level, a multiple of 8; they double at each coarser one. */
  readonly width: number
  /** Levels: strides of 4, 8, ... pixels. */
  readonly levels: number
}

/** A transformer's tokens of a batch of images. */
export interface Tokens {
  /** [B, C, D] */
  readonly classes: Tensor
  /** [B, h*w, D], row by row. */
  readonly patches: Tensor
  readonly grid: { readonly rows: number; readonly columns: number }
}

/**
 * An encoder over the image and a decoder with skips. The patch tokens join at the coarsest level, and at every
 * level of the decoder pixels attend to the class tokens. The evidence of all levels adds up, and that of a 1 x 1
 * convolution over the output.
 */
export class Unet extends Module {
  readonly stem: ConvNormRelu[]
  /** From each level to the next coarser one. */
  readonly down: ConvNormRelu[]
  readonly encode: ConvNormRelu[]
  readonly norm: LayerNorm
  readonly patches: Linear
  readonly attend: ClassAttention[]
  /** From each level but the finest to the channels of the next finer one. */
  readonly up: Conv2d[]
  readonly decode: ConvNormRelu[]
  readonly head: Conv2d

  constructor({ numClasses, embedDim, width, levels }: UnetOptions) {
    super()
    const widths = Array.from({ length: levels }, (_, level) => width * 2 ** level)
    const finer = widths.slice(0, -1)
    this.stem = [
      new ConvNormRelu({ inChannels: 3, outChannels: width / 2, stride: 2 }),
      new ConvNormRelu({ inChannels: width / 2, outChannels: width, stride: 2 }),
    ]
    this.down = finer.map(
      channels => new ConvNormRelu({ inChannels: channels, outChannels: 2 * channels, stride: 2 }),
    )
    this.encode = widths.map(channels => new ConvNormRelu({ inChannels: channels, outChannels: channels }))
    this.norm = new LayerNorm({ features: embedDim })
    this.patches = new Linear({
      inFeatures: embedDim,
      outFeatures: widths.at(-1)!,
      init: truncatedNormal,
    })
    this.attend = widths.map(channels => new ClassAttention({ width: channels, embedDim, numClasses }))
    this.up = finer.map(
      channels => new Conv2d({ inChannels: 2 * channels, outChannels: channels, kernel: 1 }),
    )
    this.decode = finer.map(channels => new ConvNormRelu({ inChannels: channels, outChannels: channels }))
    this.head = new Conv2d({ inChannels: width, outChannels: numClasses, kernel: 1 })
  }

  /** Evidence for each class [B, C, H/4, W/4] (rounded up) in images [B, 3, H, W]; positive where it is. */
  forward(images: Tensor, tokens: Tokens): Tensor {
    return scope(() => {
      const classes = this.norm.forward(tokens.classes)
      const skips = this.encoded(images)
      let { pixels, evidence } = scope(() => {
        const coarsest = skips.at(-1)!
        return this.attend.at(-1)!.forward(coarsest.add(this.patchFeatures(tokens, coarsest)), classes)
      })
      for (let level = skips.length - 2; level >= 0; level--) {
        ;({ pixels, evidence } = scope(() => {
          const skip = skips[level]!
          const above = resized(this.up[level]!.forward(pixels), skip)
          const informed = this.attend[level]!.forward(this.decode[level]!.forward(above.add(skip)), classes)
          return { pixels: informed.pixels, evidence: resized(evidence, skip).add(informed.evidence) }
        }))
      }
      return evidence.add(this.head.forward(pixels))
    })
  }

  /** Pixels of every level, finest first: [B, width * 2^l, H / 2^(l+2), W / 2^(l+2)]. */
  private encoded(images: Tensor): Tensor[] {
    return scope(() => {
      let x = this.stem.reduce((pixels, layer) => layer.forward(pixels), images)
      return this.encode.map((layer, level) => {
        x = layer.forward(level === 0 ? x : this.down[level - 1]!.forward(x))
        return x
      })
    })
  }

  /** The patch tokens as pixels of the coarsest level. */
  private patchFeatures({ patches, grid: { rows, columns } }: Tokens, like: Tensor): Tensor {
    return scope(() => {
      const features = this.patches.forward(this.norm.forward(patches)).transpose(1, 2) // [B, w, h*w]
      return resized(features.reshape(patches.size(0), -1, rows, columns), like)
    })
  }
}

/** Bilinear, in float32, to the height and width of `like`. x [B, C, h, w] */
function resized(x: Tensor, like: Tensor): Tensor {
  return ops.upsampleBilinear2d(x.to({ dtype: 'float32' }), like.shape.slice(-2), false)
}
