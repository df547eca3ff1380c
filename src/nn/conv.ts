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
  readonly dilation?: number
  /** Must divide inChannels and outChannels; inChannels of them make a depthwise convolution. */
  readonly groups?: number
  readonly bias?: boolean
  /** Draws the weight. Default: torch.nn.Conv2d's. */
  readonly init?: (shape: readonly [number, number, number, number]) => Tensor
  /** Draws the bias. Default: torch.nn.Conv2d's. */
  readonly initBias?: (shape: readonly [number]) => Tensor
}

/** torch.nn.Conv2d with a square kernel. */
export class Conv2d extends Module {
  readonly weight: Parameter
  readonly bias: Parameter | undefined
  readonly stride: number
  readonly padding: number
  readonly dilation: number
  readonly groups: number

  constructor({
    inChannels,
    outChannels,
    kernel,
    stride = 1,
    padding = 0,
    dilation = 1,
    groups = 1,
    bias = true,
    init,
    initBias,
  }: Conv2dOptions) {
    super()
    const shape = [outChannels, inChannels / groups, kernel, kernel] as const
    const fanIn = shape[1] * kernel * kernel
    this.weight = new Parameter(init === undefined ? fanInUniform(shape, fanIn) : init(shape))
    const drawn = (): Tensor => initBias?.([outChannels]) ?? fanInUniform([outChannels], fanIn)
    this.bias = bias ? new Parameter(drawn()) : undefined
    this.stride = stride
    this.padding = padding
    this.dilation = dilation
    this.groups = groups
  }

  /** [B, in, H, W] -> [B, out, H', W'] */
  forward(x: Tensor): Tensor {
    return ops.conv2d(x, this.weight, {
      bias: this.bias,
      stride: [this.stride, this.stride],
      padding: [this.padding, this.padding],
      dilation: [this.dilation, this.dilation],
      groups: this.groups,
    })
  }
}
