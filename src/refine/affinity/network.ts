/** @file AffinityNet (Ahn and Kwak 2018): a backbone, and features whose differences give the affinity of two positions. */
import { type DenseBackbone, DenseNetwork, type Levels } from '../../models/dense-backbone.ts'
import { Conv2d, kaimingNormal, Module, xavierUniform } from '../../nn/index.ts'
import { ops, scope, type Tensor } from '../../torch/index.ts'

/** Channels that each level is reduced to. */
export type Reduced = readonly [number, number, number]

/** Widths for ResNet38 (resnet38_aff.py). */
const PUBLISHED: Reduced = [64, 128, 256]

/** Widths for small backbones: comparing pairs would otherwise cost more than the backbone. */
export const SMALL: Reduced = [32, 32, 64]

/** 1 x 1 convolutions with ELU: each level reduced, all joined and mixed. Names f8_3, f8_4, f8_5, f9 as published. */
export class AffinityHead extends Module {
  readonly f8_3: Conv2d
  readonly f8_4: Conv2d
  readonly f8_5: Conv2d
  readonly f9: Conv2d

  constructor({ channels, reduced = PUBLISHED }: { channels: DenseBackbone['channels']; reduced?: Reduced }) {
    super()
    const [first, second, third] = reduced
    const all = first + second + third
    this.f8_3 = pointwise(channels[0], first, kaimingNormal)
    this.f8_4 = pointwise(channels[1], second, kaimingNormal)
    this.f8_5 = pointwise(channels[2], third, kaimingNormal)
    this.f9 = pointwise(all, all, shape => xavierUniform(shape, { gain: 4 }))
  }

  /** Levels [B, channels, h, w] -> features [B, reduced together, h, w]: 448 as published */
  forward([shallow, middle, deep]: Levels): Tensor {
    return scope(() => {
      const reduced = ops.cat(
        [
          ops.elu_(this.f8_3.forward(shallow)),
          ops.elu_(this.f8_4.forward(middle)),
          ops.elu_(this.f8_5.forward(deep)),
        ],
        { dim: 1 },
      )
      return ops.elu_(this.f9.forward(reduced))
    })
  }
}

export class AffinityNet extends DenseNetwork<AffinityHead> {
  /** images [B, 3, H, W], normalised -> features [B, D, ceil(H/stride), ceil(W/stride)] */
  forward(images: Tensor): Tensor {
    return scope(() => this.head.forward(this.backbone.forward(images)))
  }
}

/** The network on a backbone; `resnet38Backbone` freezes the layers that are frozen as published. */
export function affinityNet(backbone: DenseBackbone, options: { reduced?: Reduced } = {}): AffinityNet {
  return new AffinityNet({ backbone, head: new AffinityHead({ ...options, channels: backbone.channels }) })
}

function pointwise(
  inChannels: number,
  outChannels: number,
  init: (shape: readonly number[]) => Tensor,
): Conv2d {
  return new Conv2d({ inChannels, outChannels, kernel: 1, bias: false, init })
}
