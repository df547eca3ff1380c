/** @file Layer normalisation over the last axis. */
import { ops, type Tensor } from '../torch/index.ts'
import { Module, Parameter } from './module.ts'

/** eps 1e-6 is what the vision transformers here use; torch.nn.LayerNorm's own default is 1e-5. */
export class LayerNorm extends Module {
  readonly weight: Parameter
  readonly bias: Parameter
  readonly eps: number

  constructor({ features, eps = 1e-6 }: { features: number; eps?: number }) {
    super()
    this.weight = new Parameter(ops.ones([features]))
    this.bias = new Parameter(ops.zeros([features]))
    this.eps = eps
  }

  forward(x: Tensor): Tensor {
    return ops.layerNorm(x, this.weight.shape, { weight: this.weight, bias: this.bias, eps: this.eps })
  }
}
