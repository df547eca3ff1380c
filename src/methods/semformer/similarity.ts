/** @file Cosine similarity and its cross entropy (core/functional/math.py; train_caae.py). */
import { noGrad, ops, scope, type Tensor } from '../../torch/index.ts'

const EDGE = 1 - 1e-4
const LEAST_LENGTH = 1e-8
const [LOG_FLOOR, LEAST_VARIANCE] = [-100, 1e-12] // torch.nn.functional.binary_cross_entropy

/** Cosine of each pair of vectors, kept 1e-4 away from -1 and 1. [..., E] both -> [...] */
export function cosineSimilarity(a: Tensor, b: Tensor): Tensor {
  return scope(() => ops.clamp(unit(a).mul(unit(b)).sum(-1), { min: -EDGE, max: EDGE }))
}

/** Vectors [..., E] of length 1; shorter ones than 1e-8 are divided by that. */
function unit(vectors: Tensor): Tensor {
  const plain = vectors.to({ dtype: 'float32' })
  const lengths = ops.linalgVectorNorm(plain, { dim: [-1], keepdim: true })
  return plain.div(ops.clamp(lengths, { min: LEAST_LENGTH }))
}

/** A scalar with the value `value` and the derivative `gradient`, of the shape of `input`, with respect to it. */
export function withGradient(value: Tensor, input: Tensor, gradient: Tensor): Tensor {
  return scope(() => input.sub(input.detach()).mul(gradient).sum().add(value))
}

/** A similarity of 0 where there is a class: without a derivative (corrected), or with one of 1e12, as torch has it (published-code). */
export type ZeroSimilarity = 'corrected' | 'published-code'

/**
 * Mean binary cross entropy of similarities to targets in {0, 1}, and the derivative that
 * torch.nn.functional.binary_cross_entropy has: logarithms end at -100. Negative similarities count as 0. Both [B, K]
 */
export function similarityEntropy(
  similarities: Tensor,
  targets: Tensor,
  { zero = 'corrected' }: { zero?: ZeroSimilarity } = {},
): Tensor {
  return scope(() => {
    const [value, gradient] = noGrad(() => {
      const x = similarities.detach().relu()
      const complement = x.neg().add(1)
      const floored = (probability: Tensor): Tensor => ops.clamp(probability.log(), { min: LOG_FLOOR })
      const others = targets.neg().add(1)
      const entropy = targets
        .mul(floored(x))
        .add(others.mul(floored(complement)))
        .mean()
        .neg()
      const variance = x.mul(complement)
      const slope = x
        .sub(targets)
        .div(ops.clamp(variance, { min: LEAST_VARIANCE }))
        .div(x.elements)
      if (zero === 'corrected') ops.maskedFill_(slope, variance.le(LEAST_VARIANCE), 0)
      return [entropy, slope] as const
    })
    return withGradient(value, similarities, gradient)
  })
}
