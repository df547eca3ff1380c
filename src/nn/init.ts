/** @file Initialisers, drawn from libtorch's generator: the same numbers as PyTorch's for the same seed. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { noGrad, ops, type Tensor } from '../torch/index.ts'

const skipped = new AsyncLocalStorage<true>()

/**
 * The networks that `build` makes hold zeros in place of what they would draw, and the generator stays as it is: for
 * networks all of whose parameters are loaded, as torch.nn.utils.skip_init. Drawing DeiT-S takes most of a second.
 */
export function skipInit<T>(build: () => T): T {
  return skipped.run(true, build)
}

function drawn(shape: readonly number[], draw: (values: Tensor) => Tensor): Tensor {
  return noGrad(() => (skipped.getStore() ? ops.zeros(shape) : draw(ops.empty(shape))))
}

/** Normal(0, std) cut at +-2 (absolute), as timm's trunc_normal_. */
export function truncatedNormal(shape: readonly number[], { std = 0.02 } = {}): Tensor {
  return drawn(shape, values => {
    const scaled = ops.mulScalar_(ops.erfinv_(ops.uniform_(values, { from: -1, to: 1 })), std * Math.SQRT2)
    return ops.clamp_(scaled, { min: -2, max: 2 })
  })
}

/** Uniform in +-1/sqrt(fanIn): what torch.nn.Linear and Conv2d draw for weight and bias. */
export function fanInUniform(shape: readonly number[], fanIn: number): Tensor {
  const bound = 1 / Math.sqrt(fanIn)
  return drawn(shape, values => ops.uniform_(values, { from: -bound, to: bound }))
}

/** Normal(0, std). */
export function normal(shape: readonly number[], { std = 1 } = {}): Tensor {
  return drawn(shape, values => ops.normal_(values, { mean: 0, std }))
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
  return normal(shape, { std })
}

/** Uniform in +-gain * sqrt(6 / (fan in + fan out)): torch.nn.init.xavier_uniform_. shape [out, in, k, k] */
export function xavierUniform(shape: readonly number[], { gain = 1 } = {}): Tensor {
  const area = shape.slice(2).reduce((product, extent) => product * extent, 1)
  const bound = gain * Math.sqrt(6 / (area * (shape[0]! + shape[1]!)))
  return drawn(shape, values => ops.uniform_(values, { from: -bound, to: bound }))
}
