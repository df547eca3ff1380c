/** @file 2-D convolution. */
import { ops, type Tensor } from '../torch/index.ts'
import { fanInUniform } from './init.ts'
import { Module, Parameter } from './module.ts'

export interface Conv2dOptions {
  readonly inChannels: number
  readonly outChannels: number
  readonly kernel: number
  readonly stride?: number
  readonly padding?: number
}

/** torch.nn.Conv2d with a square kernel and a bias. */
export class Conv2d extends Module {
  readonly weight: Parameter
  readonly bias: Parameter
  readonly stride: number
  readonly padding: number

  constructor({ inChannels, outChannels, kernel, stride = 1, padding = 0 }: Conv2dOptions) {
    super()
    const fanIn = inChannels * kernel * kernel
    this.weight = new Parameter(fanInUniform([outChannels, inChannels, kernel, kernel], fanIn))
    this.bias = new Parameter(fanInUniform([outChannels], fanIn))
    this.stride = stride
    this.padding = padding
  }

  /** [B, in, H, W] -> [B, out, H', W'] */
  forward(x: Tensor): Tensor {
    return ops.conv2d(x, this.weight, {
      bias: this.bias,
      stride: [this.stride, this.stride],
      padding: [this.padding, this.padding],
    })
  }
}
