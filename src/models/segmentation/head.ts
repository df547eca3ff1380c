/** @file Heads from feature maps to label logits: the published one, and a light one for vision transformers. */
import { Conv2d, kaimingNormal, Module, xavierUniform } from '../../nn/index.ts'
import { ops, scope, type Tensor } from '../../torch/index.ts'

export interface SegmentationHead extends Module {
  /** Background included. */
  readonly labels: number
  /**
   * levels: feature maps from the shallow to the deep, each [B, channels, h, w] -> logits [B, labels, h', w']; `spread` brings
   * a map of their size to that of the logits (DenseBackbone).
   */
  forward(levels: readonly Tensor[], spread: (map: Tensor) => Tensor): Tensor
}

export interface HeadOptions {
  /** Channels of each level. */
  readonly channels: readonly number[]
  /** Background included. */
  readonly labels: number
}

/** Two 3 x 3 convolutions of dilation 12 on the deepest level, at the names of seg/network/resnet38_seg.py. */
export class DilatedHead extends Module implements SegmentationHead {
  readonly labels: number
  readonly fc8SegConv1: Conv2d
  readonly fc8SegConv2: Conv2d

  constructor({ channels, labels, hidden = 512 }: HeadOptions & { readonly hidden?: number }) {
    super()
    this.labels = labels
    const dilated = { kernel: 3, padding: 12, dilation: 12, init: xavierUniform }
    this.fc8SegConv1 = new Conv2d({ inChannels: channels.at(-1)!, outChannels: hidden, ...dilated })
    this.fc8SegConv2 = new Conv2d({ inChannels: hidden, outChannels: labels, ...dilated })
  }

  forward(levels: readonly Tensor[], spread: (map: Tensor) => Tensor): Tensor {
    return scope(() => this.fc8SegConv2.forward(this.fc8SegConv1.forward(spread(levels.at(-1)!)).relu()))
  }
}

/**
 * All levels concatenated, a 1 x 1 convolution, at the size of the logits a 3 x 3. Attention sees the whole image, so that dilation would add
 * nothing; the borders that the last tokens lack are in the earlier ones.
 */
export class LightHead extends Module implements SegmentationHead {
  readonly labels: number
  readonly mix: Conv2d
  readonly join: Conv2d
  readonly classify: Conv2d

  /** `hidden`: default as wide as the deepest level; 256 would cost a small backbone ten times its own time. */
  constructor({ channels, labels, hidden = channels.at(-1)! }: HeadOptions & { readonly hidden?: number }) {
    super()
    this.labels = labels
    const inChannels = channels.reduce((sum, count) => sum + count, 0)
    this.mix = new Conv2d({ inChannels, outChannels: hidden, kernel: 1, init: kaimingNormal })
    this.join = new Conv2d({
      inChannels: hidden,
      outChannels: hidden,
      kernel: 3,
      padding: 1,
      init: kaimingNormal,
    })
    this.classify = new Conv2d({ inChannels: hidden, outChannels: labels, kernel: 1 })
  }

  /** The 1 x 1 convolution comes before `spread`, which is linear too: a quarter of the work, and one map in place of three to resize. */
  forward(levels: readonly Tensor[], spread: (map: Tensor) => Tensor): Tensor {
    return scope(() => {
      // libtorch resizes bfloat16 at a tenth of the speed
      const coarse = scope(() => this.mix.forward(ops.cat(levels, { dim: 1 })).to({ dtype: 'float32' }))
      const mixed = scope(() => spread(coarse).relu())
      return this.classify.forward(this.join.forward(mixed).relu())
    })
  }
}
