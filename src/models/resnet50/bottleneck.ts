/** @file The bottleneck of ResNet50 (He et al. 2016), at torchvision's names. Batch normalisation is frozen. */
import { Conv2d, FrozenBatchNorm2d, Module } from '../../nn/index.ts'
import { ops, scope, type Tensor } from '../../torch/index.ts'

/** Channels of a bottleneck's output over those of its 3 x 3 convolution. */
export const EXPANSION = 4

export interface BottleneckOptions {
  readonly inChannels: number
  /** Channels of the 3 x 3 convolution. */
  readonly planes: number
  /** Of the 3 x 3 convolution, as torchvision has it. */
  readonly stride?: number
}

/** 1 x 1, 3 x 3, 1 x 1 convolutions; the way around them is the input itself where sizes agree. */
export class Bottleneck extends Module {
  readonly conv1: Conv2d
  readonly bn1: FrozenBatchNorm2d
  readonly conv2: Conv2d
  readonly bn2: FrozenBatchNorm2d
  readonly conv3: Conv2d
  readonly bn3: FrozenBatchNorm2d
  /** A 1 x 1 convolution and its normalisation, or nothing. */
  readonly downsample: readonly [] | readonly [Conv2d, FrozenBatchNorm2d]

  constructor({ inChannels, planes, stride = 1 }: BottleneckOptions) {
    super()
    const outChannels = EXPANSION * planes
    this.conv1 = convolution(inChannels, planes, { kernel: 1 })
    this.bn1 = new FrozenBatchNorm2d({ features: planes })
    this.conv2 = convolution(planes, planes, { kernel: 3, stride })
    this.bn2 = new FrozenBatchNorm2d({ features: planes })
    this.conv3 = convolution(planes, outChannels, { kernel: 1 })
    this.bn3 = new FrozenBatchNorm2d({ features: outChannels })
    this.downsample =
      stride === 1 && inChannels === outChannels
        ? []
        : [
            convolution(inChannels, outChannels, { kernel: 1, stride }),
            new FrozenBatchNorm2d({ features: outChannels }),
          ]
  }

  /** x [B, in, H, W] -> [B, 4 planes, H/stride, W/stride] */
  forward(x: Tensor): Tensor {
    return scope(() => {
      const main = scope(() => {
        const wide = scope(() => {
          const narrow = scope(() => this.bn1.forwardRelu(this.conv1.forward(x)))
          return this.bn2.forwardRelu(this.conv2.forward(narrow))
        })
        return this.bn3.forward(this.conv3.forward(wide))
      })
      const [shortcut, norm] = this.downsample
      return ops.relu_(ops.add_(main, shortcut === undefined ? x : norm!.forward(shortcut.forward(x))))
    })
  }
}

/** Without a bias, padded to keep the size where the stride is 1. */
export function convolution(
  inChannels: number,
  outChannels: number,
  { kernel, stride = 1 }: { kernel: 1 | 3 | 7; stride?: number },
): Conv2d {
  return new Conv2d({ inChannels, outChannels, kernel, stride, padding: (kernel - 1) / 2, bias: false })
}
