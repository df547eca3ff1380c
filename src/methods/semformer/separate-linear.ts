/** @file A linear layer of its own for each class token (core/module/linear.py, SeparateLinear). */
import { fanInUniform, Module, Parameter } from '../../nn/index.ts'
import { scope, type Tensor } from '../../torch/index.ts'

export class SeparateLinear extends Module {
  /** [K, in, out] */
  readonly weight: Parameter
  /** [K, out] */
  readonly bias: Parameter

  constructor({
    classes,
    inFeatures,
    outFeatures,
  }: {
    classes: number
    inFeatures: number
    outFeatures: number
  }) {
    super()
    // kaiming_uniform_ takes the second axis times the third for the fan of a three-dimensional weight
    this.weight = new Parameter(fanInUniform([classes, inFeatures, outFeatures], inFeatures * outFeatures))
    this.bias = new Parameter(fanInUniform([classes, outFeatures], inFeatures))
  }

  /** [B, K, in] -> [B, K, out] */
  forward(x: Tensor): Tensor {
    return scope(() => {
      const classes = x.transpose(0, 1) // [K, B, in]
      return classes.matmul(this.weight).transpose(0, 1).add(this.bias)
    })
  }
}
