/** @file The unit of the U-Net: a 3 x 3 convolution, group norm, ReLU. */
import { Conv2d, GroupNorm, kaimingNormal, Module } from '../../nn/index.ts'
import { ops, scope, type Tensor } from '../../torch/index.ts'

const GROUP = 4 // channels normalised together

export interface ConvNormReluOptions {
  readonly inChannels: number
  /** A multiple of 4. */
  readonly outChannels: number
  readonly stride?: number
}

export class ConvNormRelu extends Module {
  readonly conv: Conv2d
  readonly norm: GroupNorm

  constructor({ inChannels, outChannels, stride = 1 }: ConvNormReluOptions) {
    super()
    const shape = { inChannels, outChannels, kernel: 3, padding: 1, stride }
    this.conv = new Conv2d({ ...shape, bias: false, init: kaimingNormal })
    this.norm = new GroupNorm({ groups: outChannels / GROUP, features: outChannels })
  }

  /** [B, in, H, W] -> [B, out, ceil(H / stride), ceil(W / stride)] */
  forward(x: Tensor): Tensor {
    return scope(() => ops.relu_(this.norm.forward(this.conv.forward(x)))) // backward needs no norm output but this
  }
}
