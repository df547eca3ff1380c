/** @file Residual addition with stochastic depth (drop-path). */
import { differentiable, ops, type Tensor } from '../torch/index.ts'
import { Module } from './module.ts'

/** x + branch, where in training each sample's branch is left out with probability `rate` (kept ones grow by 1/(1-rate)). */
export class Residual extends Module {
  readonly rate: number

  constructor({ rate }: { rate: number }) {
    super()
    this.rate = rate
  }

  /** x, branch: [B, ...] */
  forward(x: Tensor, branch: Tensor): Tensor {
    if (!this.training || this.rate === 0) return x.add(branch)
    const kept = 1 - this.rate
    const perSample = [x.size(0), ...x.shape.slice(1).map(() => 1)]
    const scale = ops.floor(ops.rand(perSample, { device: x.device }).add(kept)).div(kept) // [B, 1, ...]
    const { dtype } = branch
    if (x.device !== 'cpu') return ops.addcmul(x, branch, scale)
    // One pass, and nothing kept but the mask (autograd's own addcmul would keep the branch).
    return differentiable(
      'residual',
      [x, branch],
      () => ({ outputs: [ops.addcmul(x, branch, scale)], saved: [scale] }),
      ([gradient], [factor]) => [gradient, gradient!.mul(factor!).to({ dtype })],
    )[0]!
  }
}
