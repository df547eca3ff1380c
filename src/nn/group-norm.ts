/** @file Group normalisation. */
import { ops, type Tensor } from '../torch/index.ts'
import { Module, Parameter } from './module.ts'

/** torch.nn.GroupNorm: mean 0 and variance 1 over each group of channels of each sample, then a gain and shift a channel. */
export class GroupNorm extends Module {
  readonly weight: Parameter
  readonly bias: Parameter
  readonly groups: number
  readonly eps: number

  /** `groups` must divide `features`. */
  constructor({ groups, features, eps = 1e-5 }: { groups: number; features: number; eps?: number }) {
    super()
    this.weight = new Parameter(ops.ones([features]))
    this.bias = new Parameter(ops.zeros([features]))
    this.groups = groups
    this.eps = eps
  }

  /** x [B, C, H, W] -> float32 */
  forward(x: Tensor): Tensor {
    const { weight, bias, groups, eps } = this
    // libtorch 1.13 has no kernel for bfloat16 images with float32 gains
    return ops.groupNorm(x.to({ dtype: 'float32' }), groups, { weight, bias, eps })
  }
}
