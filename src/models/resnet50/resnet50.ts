/** @file ResNet50 (He et al. 2016) without its classifier, at torchvision's names; the last stage keeps the size, as in IRN. */
import { type Conv2d, FrozenBatchNorm2d, Module } from '../../nn/index.ts'
import { ops, scope, type Tensor } from '../../torch/index.ts'
import { Bottleneck, convolution, EXPANSION } from './bottleneck.ts'

export interface Resnet50Options {
  /** Bottlenecks of each stage; ResNet50 has 3, 4, 6 and 3. */
  readonly blocks?: readonly [number, number, number, number]
  /** Channels of the first convolution; all others follow. */
  readonly width?: number
}

/** Pixels from one position to the next, after the first convolution and pooling and after each stage. */
export const RESNET50_STRIDES = [4, 4, 8, 16, 16] as const

export class Resnet50 extends Module {
  readonly conv1: Conv2d
  readonly bn1: FrozenBatchNorm2d
  readonly layer1: readonly Bottleneck[]
  readonly layer2: readonly Bottleneck[]
  readonly layer3: readonly Bottleneck[]
  readonly layer4: readonly Bottleneck[]
  /** Channels of the five maps of `forward`. */
  readonly channels: readonly number[]

  constructor({ blocks = [3, 4, 6, 3], width = 64 }: Resnet50Options = {}) {
    super()
    const planes = [width, 2 * width, 4 * width, 8 * width] as const
    this.channels = [width, ...planes.map(count => EXPANSION * count)]
    this.conv1 = convolution(3, width, { kernel: 7, stride: 2 })
    this.bn1 = new FrozenBatchNorm2d({ features: width })
    const stage = (index: 0 | 1 | 2 | 3, stride: number): Bottleneck[] =>
      Array.from({ length: blocks[index] }, (_, i) => {
        const inChannels = i === 0 ? this.channels[index]! : EXPANSION * planes[index]
        return new Bottleneck({ inChannels, planes: planes[index], stride: i === 0 ? stride : 1 })
      })
    this.layer1 = stage(0, 1)
    this.layer2 = stage(1, 2)
    this.layer3 = stage(2, 2)
    this.layer4 = stage(3, 1) // published: strides (2, 2, 2, 1)
  }

  /** images [B, 3, H, W], normalised -> five maps [B, channels, ceil(H/stride), ceil(W/stride)], the shallow first. */
  forward(images: Tensor): Tensor[] {
    return scope(() => {
      const stem = scope(() => {
        const activated = this.bn1.forwardRelu(this.conv1.forward(images))
        return ops.maxPool2d(activated, [3, 3], { stride: [2, 2], padding: [1, 1] })
      })
      const maps = [stem]
      for (const stage of [this.layer1, this.layer2, this.layer3, this.layer4]) {
        let x = maps.at(-1)!
        for (const [i, block] of stage.entries()) {
          const before = x
          x = block.forward(before)
          if (i > 0) before.dispose() // autograd keeps what it needs
        }
        maps.push(x)
      }
      return maps
    })
  }
}
