/** @file Dropout, of single elements and of whole channels. */
import { ops, type Tensor } from '../torch/index.ts'
import { Module } from './module.ts'

/** torch.nn.Dropout: in training each element is zero with probability `rate`; the others grow by 1/(1-rate). */
export class Dropout extends Module {
  readonly rate: number

  constructor({ rate }: { rate: number }) {
    super()
    this.rate = rate
  }

  /** Whether it drops elements now. */
  get active(): boolean {
    return this.training && this.rate > 0
  }

  forward(x: Tensor): Tensor {
    return this.active ? dropped(x, x.shape, this.rate) : x
  }
}

/** torch.nn.Dropout2d: as Dropout, each channel of each sample as a whole. */
export class Dropout2d extends Dropout {
  /** x [B, C, H, W] */
  override forward(x: Tensor): Tensor {
    return this.active ? dropped(x, [x.size(0), x.size(1), 1, 1], this.rate) : x
  }
}

/** x times noise of the given shape, which is 0 or 1/(1-rate). */
function dropped(x: Tensor, shape: readonly number[], rate: number): Tensor {
  const kept = 1 - rate
  const noise = ops.empty(shape, { dtype: x.dtype, device: x.device })
  return x.mul(ops.divScalar_(ops.bernoulli_(noise, { p: kept }), kept))
}
