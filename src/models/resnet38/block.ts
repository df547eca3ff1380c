/** @file The residual blocks of ResNet38 (Wu et al. 2016), pre-activated, at the names of psa/network/resnet38d.py. */
import { Conv2d, Dropout2d, FrozenBatchNorm2d, Module } from '../../nn/index.ts'
import { ops, scope, type Tensor } from '../../torch/index.ts'

export interface Blocked {
  /** [B, out, h, w] */
  readonly x: Tensor
  /** ReLU(norm(input)) [B, in, H, W]: the input of the block's convolutions, also read by others. */
  readonly activated: Tensor
}

export interface ResBlockOptions {
  readonly inChannels: number
  readonly midChannels: number
  readonly outChannels: number
  readonly stride?: number
  /** Of the two 3 x 3 convolutions. */
  readonly dilations?: readonly [number, number]
}

/** Two 3 x 3 convolutions; the way around them is the input itself where sizes agree. */
export class ResBlock extends Module {
  readonly bnBranch2a: FrozenBatchNorm2d
  readonly convBranch2a: Conv2d
  readonly bnBranch2b1: FrozenBatchNorm2d
  readonly convBranch2b1: Conv2d
  readonly convBranch1: Conv2d | undefined

  constructor({ inChannels, midChannels, outChannels, stride = 1, dilations = [1, 1] }: ResBlockOptions) {
    super()
    const [first, second] = dilations
    this.bnBranch2a = new FrozenBatchNorm2d({ features: inChannels })
    this.convBranch2a = convolution(inChannels, midChannels, { kernel: 3, stride, dilation: first })
    this.bnBranch2b1 = new FrozenBatchNorm2d({ features: midChannels })
    this.convBranch2b1 = convolution(midChannels, outChannels, { kernel: 3, dilation: second })
    const same = inChannels === outChannels && stride === 1
    this.convBranch1 = same ? undefined : convolution(inChannels, outChannels, { kernel: 1, stride })
  }

  /** x [B, in, H, W] -> [B, out, H/stride, W/stride] */
  forward(x: Tensor): Blocked {
    return scope(() => {
      const activated = this.bnBranch2a.forwardRelu(x)
      const main = scope(() => {
        const hidden = scope(() => this.bnBranch2b1.forwardRelu(this.convBranch2a.forward(activated)))
        return this.convBranch2b1.forward(hidden)
      })
      return { x: ops.add_(main, this.convBranch1?.forward(activated) ?? x), activated }
    })
  }
}

export interface BottleneckOptions {
  readonly inChannels: number
  readonly outChannels: number
  readonly dilation: number
  /** Rate of the channel dropout before the second and third convolution. */
  readonly dropout: number
}

/** 1 x 1 to a quarter, 3 x 3 to a half, 1 x 1 to the whole of the output's channels; always with a 1 x 1 around them. */
export class Bottleneck extends Module {
  readonly bnBranch2a: FrozenBatchNorm2d
  readonly convBranch2a: Conv2d
  readonly bnBranch2b1: FrozenBatchNorm2d
  readonly dropout2b1: Dropout2d
  readonly convBranch2b1: Conv2d
  readonly bnBranch2b2: FrozenBatchNorm2d
  readonly dropout2b2: Dropout2d
  readonly convBranch2b2: Conv2d
  readonly convBranch1: Conv2d

  constructor({ inChannels, outChannels, dilation, dropout }: BottleneckOptions) {
    super()
    const [quarter, half] = [outChannels / 4, outChannels / 2]
    this.bnBranch2a = new FrozenBatchNorm2d({ features: inChannels })
    this.convBranch2a = convolution(inChannels, quarter, { kernel: 1 })
    this.bnBranch2b1 = new FrozenBatchNorm2d({ features: quarter })
    this.dropout2b1 = new Dropout2d({ rate: dropout })
    this.convBranch2b1 = convolution(quarter, half, { kernel: 3, dilation })
    this.bnBranch2b2 = new FrozenBatchNorm2d({ features: half })
    this.dropout2b2 = new Dropout2d({ rate: dropout })
    this.convBranch2b2 = convolution(half, outChannels, { kernel: 1 })
    this.convBranch1 = convolution(inChannels, outChannels, { kernel: 1 })
  }

  /** x [B, in, h, w] -> [B, out, h, w] */
  forward(x: Tensor): Blocked {
    return scope(() => {
      const activated = this.bnBranch2a.forwardRelu(x)
      const main = scope(() => {
        const first = scope(() => {
          const hidden = this.bnBranch2b1.forwardRelu(this.convBranch2a.forward(activated))
          return this.dropout2b1.forward(hidden)
        })
        const second = scope(() => {
          const hidden = this.bnBranch2b2.forwardRelu(this.convBranch2b1.forward(first))
          return this.dropout2b2.forward(hidden)
        })
        return this.convBranch2b2.forward(second)
      })
      return { x: ops.add_(main, this.convBranch1.forward(activated)), activated }
    })
  }
}

/** Without a bias, padded to keep the size. */
export function convolution(
  inChannels: number,
  outChannels: number,
  { kernel, stride = 1, dilation = 1 }: { kernel: 1 | 3; stride?: number; dilation?: number },
): Conv2d {
  const padding = kernel === 3 ? dilation : 0
  return new Conv2d({ inChannels, outChannels, kernel, stride, padding, dilation, bias: false })
}
