/** @file Initialisers, drawn from libtorch's generator: the same numbers as PyTorch's for the same seed. */
import { noGrad, ops, type Tensor } from '../torch/index.ts'

/** Normal(0, std) cut at +-2 (absolute), as timm's trunc_normal_. */
export function truncatedNormal(shape: readonly number[], { std = 0.02 } = {}): Tensor {
  return noGrad(() => {
    const values = ops.uniform_(ops.empty(shape), { from: -1, to: 1 })
    return ops.clamp_(ops.mulScalar_(ops.erfinv_(values), std * Math.SQRT2), { min: -2, max: 2 })
  })
}

/** Uniform in +-1/sqrt(fanIn): what torch.nn.Linear and Conv2d draw for weight and bias. */
export function fanInUniform(shape: readonly number[], fanIn: number): Tensor {
  const bound = 1 / Math.sqrt(fanIn)
  return noGrad(() => ops.uniform_(ops.empty(shape), { from: -bound, to: bound }))
}

export interface KaimingOptions {
  /** in: forward keeps its variance; out: backward does. */
  readonly fan?: 'in' | 'out'
  readonly groups?: number
  /** Slope of the leaky ReLU after it. */
  readonly negativeSlope?: number
}

/**
 * Normal(0, sqrt(2 / (1 + slope^2) / fan)), for a convolution followed by a ReLU: torch.nn.init.kaiming_normal_.
 * shape [out, in / groups, k, k]
 */
export function kaimingNormal(
  shape: readonly number[],
  { fan = 'in', groups = 1, negativeSlope = 0 }: KaimingOptions = {},
): Tensor {
  const [out, ...inner] = shape as [number, ...number[]]
  const fanIn = inner.reduce((product, extent) => product * extent, 1)
  const reach = fan === 'in' ? fanIn : ((fanIn / inner[0]!) * out) / groups
  const std = Math.sqrt(2 / (1 + negativeSlope ** 2) / reach)
  return noGrad(() => ops.normal_(ops.empty(shape), { mean: 0, std }))
}

/** Uniform in +-gain * sqrt(6 / (fan in + fan out)): torch.nn.init.xavier_uniform_. shape [out, in, k, k] */
export function xavierUniform(shape: readonly number[], { gain = 1 } = {}): Tensor {
  const area = shape.slice(2).reduce((product, extent) => product * extent, 1)
  const bound = gain * Math.sqrt(6 / (area * (shape[0]! + shape[1]!)))
  return noGrad(() => ops.uniform_(ops.empty(shape), { from: -bound, to: bound }))
}
