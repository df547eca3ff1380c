/** @file ResNet38 with dilations, output stride 8: the backbone of PSA's AffinityNet and of its segmentation network. */
import { type Conv2d, FrozenBatchNorm2d, Module } from '../../nn/index.ts'
import { scope, type Tensor } from '../../torch/index.ts'
import { type Blocked, Bottleneck, convolution, ResBlock } from './block.ts'

/** Parts that can be frozen: the first convolution, and the blocks of the second stage. */
export type FrozenPart = 'conv1a' | 'b2' | 'b2_1' | 'b2_2'

export interface Resnet38Options {
  /** Channels of the first convolution; published: 64. All others follow. */
  readonly width?: number
  /** Parts that do not train; batch normalisation never does. */
  readonly frozen?: readonly FrozenPart[]
}

/** Feature maps at stride 8; channels for width 64. */
export interface Resnet38Features {
  /** [B, 512, h, w], the input of b5. */
  readonly conv4: Tensor
  /** [B, 1024, h, w], the input of b6. */
  readonly conv5: Tensor
  /** [B, 4096, h, w], the last activation. */
  readonly conv6: Tensor
}

export class Resnet38 extends Module {
  readonly conv1a: Conv2d
  readonly b2: ResBlock
  readonly b2_1: ResBlock
  readonly b2_2: ResBlock
  readonly b3: ResBlock
  readonly b3_1: ResBlock
  readonly b3_2: ResBlock
  readonly b4: ResBlock
  readonly b4_1: ResBlock
  readonly b4_2: ResBlock
  readonly b4_3: ResBlock
  readonly b4_4: ResBlock
  readonly b4_5: ResBlock
  readonly b5: ResBlock
  readonly b5_1: ResBlock
  readonly b5_2: ResBlock
  readonly b6: Bottleneck
  readonly b7: Bottleneck
  readonly bn7: FrozenBatchNorm2d

  constructor({ width = 64, frozen = ['conv1a'] }: Resnet38Options = {}) {
    super()
    this.conv1a = convolution(3, width, { kernel: 3 })
    this.b2 = stage(width, 2 * width)
    this.b2_1 = plain(2 * width)
    this.b2_2 = plain(2 * width)
    this.b3 = stage(2 * width, 4 * width)
    this.b3_1 = plain(4 * width)
    this.b3_2 = plain(4 * width)
    this.b4 = stage(4 * width, 8 * width)
    this.b4_1 = plain(8 * width)
    this.b4_2 = plain(8 * width)
    this.b4_3 = plain(8 * width)
    this.b4_4 = plain(8 * width)
    this.b4_5 = plain(8 * width)
    this.b5 = dilated(8 * width, { midChannels: 8 * width, outChannels: 16 * width, dilations: [1, 2] })
    this.b5_1 = dilated(16 * width, { midChannels: 8 * width, outChannels: 16 * width, dilations: [2, 2] })
    this.b5_2 = dilated(16 * width, { midChannels: 8 * width, outChannels: 16 * width, dilations: [2, 2] })
    this.b6 = new Bottleneck({
      inChannels: 16 * width,
      outChannels: 32 * width,
      dilation: 4,
      dropout: 0.3,
    })
    this.b7 = new Bottleneck({
      inChannels: 32 * width,
      outChannels: 64 * width,
      dilation: 4,
      dropout: 0.5,
    })
    this.bn7 = new FrozenBatchNorm2d({ features: 64 * width })
    for (const part of frozen) this[part].freeze()
  }

  /** images [B, 3, H, W], normalised; h = ceil(H/8), w = ceil(W/8). What autograd does not keep is freed on the way. */
  forward(images: Tensor): Resnet38Features {
    return scope(() => {
      let x = this.conv1a.forward(images)
      const advance = (block: { forward(x: Tensor): Blocked }, tap: boolean): Tensor | undefined => {
        const before = x
        const after = scope(() => {
          const { x: out, activated } = block.forward(before)
          return tap ? { out, activated } : { out, activated: undefined }
        })
        before.dispose()
        x = after.out
        return after.activated
      }
      const { b2, b2_1, b2_2, b3, b3_1, b3_2, b4, b4_1, b4_2, b4_3, b4_4, b4_5, b5, b5_1, b5_2, b6, b7 } =
        this
      const early = [b2, b2_1, b2_2, b3, b3_1, b3_2, b4, b4_1, b4_2, b4_3, b4_4, b4_5]
      for (const block of early) advance(block, false)
      const conv4 = advance(b5, true)!
      for (const block of [b5_1, b5_2]) advance(block, false)
      const conv5 = advance(b6, true)!
      advance(b7, false)
      return { conv4, conv5, conv6: this.bn7.forwardRelu(x) }
    })
  }
}

function stage(inChannels: number, outChannels: number): ResBlock {
  return new ResBlock({ inChannels, midChannels: outChannels, outChannels, stride: 2 })
}

function plain(channels: number): ResBlock {
  return new ResBlock({ inChannels: channels, midChannels: channels, outChannels: channels })
}

function dilated(
  inChannels: number,
  options: { midChannels: number; outChannels: number; dilations: readonly [number, number] },
): ResBlock {
  return new ResBlock({ inChannels, ...options })
}
