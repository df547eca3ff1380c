/** @file Multi-head self-attention, with its weights where a method reads them. */
import { Linear, Module, truncatedNormal } from '../../nn/index.ts'
import { differentiable, isRecording, ops, type Tensor } from '../../torch/index.ts'

export interface Attended {
  /** [B, N, D] */
  readonly tokens: Tensor
  /** Softmaxed attention [B, heads, N, N], rows attend to columns; only where asked for. */
  readonly weights: Tensor | undefined
}

/** Rows of `qkv` are ordered q | k | v, each split into contiguous heads (timm's vision_transformer.py). */
export class Attention extends Module {
  readonly qkv: Linear
  readonly proj: Linear
  readonly heads: number

  constructor({ embedDim, heads }: { embedDim: number; heads: number }) {
    super()
    this.heads = heads
    this.qkv = new Linear({ inFeatures: embedDim, outFeatures: 3 * embedDim, init: truncatedNormal })
    this.proj = new Linear({ inFeatures: embedDim, outFeatures: embedDim, init: truncatedNormal })
  }

  /** x [B, N, D] */
  forward(x: Tensor, { withWeights = false } = {}): Attended {
    const qkv = this.qkv.forward(x)
    const attended = isRecording()
      ? withWeights || qkv.device !== 'cpu'
        ? attend(qkv, this.heads)
        : { tokens: attendLean(qkv, this.heads), weights: undefined }
      : attendInPlace(qkv, this.heads)
    return { tokens: this.proj.forward(attended.tokens), weights: withWeights ? attended.weights : undefined }
  }
}

/** q, k, v as views [B, heads, N, d] of the packed projection [B, N, 3D]. */
function split(qkv: Tensor, heads: number): [Tensor, Tensor, Tensor] {
  const [batch, length, width] = qkv.shape as [number, number, number]
  const parts = qkv.reshape(batch, length, 3, heads, width / 3 / heads).permute(2, 0, 3, 1, 4)
  return [parts.select(0, 0), parts.select(0, 1), parts.select(0, 2)]
}

/** [B, heads, N, d] -> contiguous [B*heads, N, d], which batched products want. */
function flat(part: Tensor): Tensor {
  const [batch, heads, length, d] = part.shape as [number, number, number, number]
  return part.reshape(batch * heads, length, d)
}

/** Tokens of every head side by side: [B, heads, N, d] -> [B, N, D]. */
function joined(tokens: Tensor): Tensor {
  const [batch, heads, length, d] = tokens.shape as [number, number, number, number]
  return tokens.transpose(1, 2).reshape(batch, length, heads * d)
}

/** Attention in plain operators, every step kept for autograd. */
function attend(qkv: Tensor, heads: number): Attended {
  const [q, k, v] = split(qkv, heads)
  const weights = q
    .matmul(k.transpose(-2, -1))
    .mul(q.size(-1) ** -0.5)
    .softmax(-1) // [B, h, N, N]
  return { tokens: joined(weights.matmul(v)), weights }
}

/** Unrecorded attention: the scores are overwritten by their softmax. */
function attendInPlace(qkv: Tensor, heads: number): { tokens: Tensor; weights: Tensor } {
  const [batch, length] = qkv.shape as [number, number]
  const [q, k, v] = split(qkv, heads).map(flat) as [Tensor, Tensor, Tensor]
  const weights = ops.mulScalar_(ops.bmm(q, k.transpose(1, 2)), q.size(-1) ** -0.5) // [B*h, N, N]
  ops.softmaxOut(weights, -1, false, weights)
  const tokens = joined(ops.bmm(weights, v).reshape(batch, heads, length, -1))
  return { tokens, weights: weights.reshape(batch, heads, length, length) }
}

/** Recorded attention with a derivative by hand: only qkv and the softmaxed weights are kept. */
function attendLean(qkv: Tensor, heads: number): Tensor {
  return differentiable(
    'attention',
    [qkv],
    () => {
      const { tokens, weights } = attendInPlace(qkv, heads)
      return { outputs: [tokens], saved: [qkv, weights] }
    },
    ([gradient], [projected, kept]) => {
      const [batch, length] = projected!.shape as [number, number]
      const [q, k, v] = split(projected!, heads).map(flat) as [Tensor, Tensor, Tensor]
      const weights = kept!.reshape(batch * heads, length, length)
      const dTokens = flat(gradient!.reshape(batch, length, heads, -1).transpose(1, 2))
      const dQkv = ops.emptyLike(projected!)
      const [dq, dk, dv] = split(dQkv, heads) as [Tensor, Tensor, Tensor]
      ops.copy_(dv, ops.bmm(weights.transpose(1, 2), dTokens).reshape(...dv.shape))
      const dScores = ops.bmm(dTokens, v.transpose(1, 2)) // [B*h, N, N]
      ops.softmaxBackwardOut(dScores, weights, -1, projected!.dtype, dScores)
      ops.mulScalar_(dScores, q.size(-1) ** -0.5)
      ops.copy_(dq, ops.bmm(dScores, k).reshape(...dq.shape))
      ops.copy_(dk, ops.bmm(dScores.transpose(1, 2), q).reshape(...dk.shape))
      return [dQkv]
    },
  )[0]!
}
