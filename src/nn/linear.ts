/** @file y = x Wᵀ + b. */
import { ops, type Tensor } from '../torch/index.ts'
import { fanInUniform } from './init.ts'
import { Module, Parameter } from './module.ts'

export interface LinearOptions {
  readonly inFeatures: number
  readonly outFeatures: number
  readonly bias?: boolean
  /** Draws the weight; the bias is then zero, as timm's vision transformers have it. Default: torch.nn.Linear's. */
  readonly init?: (shape: readonly number[]) => Tensor
}

export class Linear extends Module {
  readonly weight: Parameter
  readonly bias: Parameter | undefined

  constructor({ inFeatures, outFeatures, bias = true, init }: LinearOptions) {
    super()
    const shape = [outFeatures, inFeatures]
    this.weight = new Parameter(init === undefined ? fanInUniform(shape, inFeatures) : init(shape))
    const drawn = (): Tensor =>
      init === undefined ? fanInUniform([outFeatures], inFeatures) : ops.zeros([outFeatures])
    this.bias = bias ? new Parameter(drawn()) : undefined
  }

  forward(x: Tensor): Tensor {
    return ops.linear(x, this.weight, { bias: this.bias }) // [..., out]
  }
}
