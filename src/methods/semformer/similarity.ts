/** @file Cosine similarity and its cross entropy (core/functional/math.py; train_caae.py). */
import { noGrad, ops, scope, type Tensor } from '../../torch/index.ts'

const EDGE = 1 - 1e-4
const LEAST_LENGTH = 1e-8
const LOG_FLOOR = -100 // torch.nn.functional.binary_cross_entropy

/** Cosine of each pair of vectors, kept 1e-4 away from -1 and 1. [..., E] both -> [...] */
export function cosineSimilarity(a: Tensor, b: Tensor): Tensor {
  return scope(() => clampCosine(unit(a).mul(unit(b)).sum(-1)))
}

/** Cosine of every vector of `a` to every one of `b`. [..., N, E] and [..., M, E] -> [..., N, M] */
export function cosinesOfPairs(a: Tensor, b: Tensor): Tensor {
  return scope(() => clampCosine(unit(a).matmul(unit(b).transpose(-1, -2))))
}

function clampCosine(cosines: Tensor): Tensor {
  return ops.clamp(cosines, { min: -EDGE, max: EDGE })
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

/**
 * Mean binary cross entropy of similarities in [0, 1] to targets in {0, 1}: logarithms end at -100, and the derivative is
 * that of torch.nn.functional.binary_cross_entropy, also where a similarity is 0. Both [B, K]
 */
export function similarityEntropy(similarities: Tensor, targets: Tensor): Tensor {
  return scope(() => {
    const [value, gradient] = noGrad(() => {
      const x = similarities.detach()
      const complement = x.neg().add(1)
      const floored = (probability: Tensor): Tensor => ops.clamp(probability.log(), { min: LOG_FLOOR })
      const others = targets.neg().add(1)
      const entropy = targets
        .mul(floored(x))
        .add(others.mul(floored(complement)))
        .mean()
        .neg()
      const variance = ops.clamp(x.mul(complement), { min: 1e-12 })
      return [entropy, x.sub(targets).div(variance).div(x.elements)] as const
    })
    return withGradient(value, similarities, gradient)
  })
}
