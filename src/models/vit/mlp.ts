/** @file The feed-forward half of a block: fc1, exact GELU, fc2. */
import { Dropout, type LayerNorm, Linear, Module, truncatedNormal } from '../../nn/index.ts'
import { differentiable, isRecording, ops, scope, type Tensor } from '../../torch/index.ts'
import { normLinear } from './norm-linear.ts'

export class Mlp extends Module {
  readonly fc1: Linear
  readonly fc2: Linear
  readonly drop: Dropout

  constructor({
    embedDim,
    mlpRatio,
    dropout = 0,
  }: {
    embedDim: number
    mlpRatio: number
    dropout?: number
  }) {
    super()
    this.drop = new Dropout({ rate: dropout })
    this.fc1 = new Linear({ inFeatures: embedDim, outFeatures: embedDim * mlpRatio, init: truncatedNormal })
    this.fc2 = new Linear({ inFeatures: embedDim * mlpRatio, outFeatures: embedDim, init: truncatedNormal })
  }

  /** [B, N, D] -> [B, N, D]; `norm` goes before it. */
  forward(x: Tensor, { norm }: { norm?: LayerNorm } = {}): Tensor {
    const hidden = norm === undefined ? this.fc1.forward(x) : normLinear(x, norm, this.fc1) // [B, N, ratio*D]
    if (!isRecording() || hidden.device !== 'cpu' || this.drop.active)
      return this.drop.forward(this.fc2.forward(this.drop.forward(ops.gelu(hidden))))
    return leanSecondHalf(hidden, this.fc2.weight, this.fc2.bias!)
  }
}

/** fc2(GELU(hidden)) that keeps `hidden` alone: the activation, as large, is recomputed in backward, unless the weights are frozen. */
function leanSecondHalf(hidden: Tensor, weight: Tensor, bias: Tensor): Tensor {
  const { dtype } = hidden
  const [learnsWeight, learnsBias] = [weight.requiresGrad, bias.requiresGrad]
  const [inner, outer] = [weight.size(1), weight.size(0)]
  const low = (tensor: Tensor): Tensor => tensor.to({ dtype })
  return differentiable(
    'mlp',
    [hidden, weight, bias],
    () => ({
      outputs: [ops.linear(ops.gelu(hidden), low(weight), { bias: low(bias) })],
      saved: [hidden, weight],
    }),
    ([gradient], [kept, matrix]) => {
      const dOut = gradient!.reshape(-1, outer) // [B*N, D]
      const dWeight = learnsWeight
        ? scope(() => ops.mm(dOut.transpose(0, 1), ops.gelu(kept!).reshape(-1, inner)))
        : undefined
      const dHidden = ops.mm(dOut, low(matrix!)).reshape(...kept!.shape)
      return [
        ops.geluBackward(dHidden, kept!),
        dWeight?.to({ dtype: matrix!.dtype }),
        learnsBias ? dOut.sum(0).to({ dtype: matrix!.dtype }) : undefined,
      ]
    },
  )[0]!
}
