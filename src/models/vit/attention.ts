/** @file Multi-head self-attention, with its weights where a method reads them. */
import { Dropout, type LayerNorm, Linear, Module, truncatedNormal } from '../../nn/index.ts'
import { differentiable, isRecording, noGrad, ops, type Tensor } from '../../torch/index.ts'
import { normLinear } from './norm-linear.ts'

export interface Attended {
  /** [B, N, D] */
  readonly tokens: Tensor
  /** Softmaxed attention [B, heads, N, N], rows attend to columns; only on request. */
  readonly weights: Tensor | undefined
  /** Only on request. */
  readonly factors: LogitFactors | undefined
  /** Mean over the heads of the first rows of the attention, float32 [B, rows, N]; only on request. */
  readonly mean: Tensor | undefined
}

/** What attention logits are products of, recorded: smaller than they, and enough for sums over heads. */
export interface LogitFactors {
  /** [B, N, heads*d], the heads concatenated; not scaled. */
  readonly queries: Tensor
  /** [B, M, heads*d] */
  readonly keys: Tensor
  readonly heads: number
}

/** One layer's attention. Not recorded, and freed once read: copy what is to stay. */
export interface AttentionState {
  /** Softmaxed attention [B, heads, N, N]. */
  readonly weights: Tensor
  /** Scaled queries, and keys, both [B, heads, N, d]: `attentionRows` recomputes the weights from them. */
  readonly queries: Tensor
  readonly keys: Tensor
}

export type AttentionReader = (state: AttentionState) => void

export interface AttentionOptions {
  /** Return the weights, recorded: for losses that reach into the attention. */
  readonly withWeights?: boolean
  /** Return the factors of the logits, recorded. */
  readonly withFactors?: boolean
  /** Return the mean over the heads of so many rows, recorded: no head's weights are kept for it twice. */
  readonly meanRows?: number | undefined
  readonly read?: AttentionReader | undefined
  /** Goes before the projection to queries, keys and values. */
  readonly norm?: LayerNorm
}

/** Rows of `qkv` are ordered q | k | v, each split into contiguous heads (timm's vision_transformer.py). */
export class Attention extends Module {
  readonly qkv: Linear
  readonly proj: Linear
  readonly heads: number
  /** Of the weights, and of the output. */
  readonly drop: Dropout

  constructor({ embedDim, heads, dropout = 0 }: { embedDim: number; heads: number; dropout?: number }) {
    super()
    this.heads = heads
    this.drop = new Dropout({ rate: dropout })
    this.qkv = new Linear({ inFeatures: embedDim, outFeatures: 3 * embedDim, init: truncatedNormal })
    this.proj = new Linear({ inFeatures: embedDim, outFeatures: embedDim, init: truncatedNormal })
  }

  /** x [B, N, D] */
  forward(
    x: Tensor,
    { withWeights = false, withFactors = false, meanRows = 0, read, norm }: AttentionOptions = {},
  ): Attended {
    const { heads } = this
    const qkv = norm === undefined ? this.qkv.forward(x) : normLinear(x, norm, this.qkv)
    const width = x.size(-1)
    const part = (index: number): Tensor => qkv.narrow(2, index * width, width)
    const factors = withFactors ? { queries: part(0), keys: part(1), heads } : undefined
    const isBare = !withWeights && read === undefined && !this.drop.active
    if (isBare && !isRecording() && x.device === 'cpu') {
      const [tokens, mean] = ops.attention(qkv, heads, meanRows) // no head's weights are ever whole
      return {
        tokens: this.proj.forward(tokens),
        weights: undefined,
        factors,
        mean: meanRows === 0 ? undefined : mean,
      }
    }
    const made = packHeads(qkv, heads)
    const packed = withFactors ? made.clone() : made // its queries are scaled in place
    const plain = this.drop.active || (isRecording() && (withWeights || x.device !== 'cpu'))
    const { tokens, weights, mean } = plain
      ? attend(packed, this.drop, { read, meanRows })
      : attendHeads(packed, { read, meanRows })
    return {
      tokens: this.drop.forward(this.proj.forward(joinHeads(tokens, heads))),
      weights: withWeights ? weights : undefined,
      factors,
      mean,
    }
  }
}

/** [B, N, 3D] -> contiguous q, k, v of every head [3, B, heads, N, d], as batched products want them. */
function packHeads(qkv: Tensor, heads: number): Tensor {
  const [batch, length, width] = qkv.shape as [number, number, number]
  return qkv
    .reshape(batch, length, 3, heads, width / 3 / heads)
    .permute(2, 0, 3, 1, 4)
    .contiguous()
}

/** Tokens of all heads concatenated: [B*heads, N, d] -> [B, N, D]. */
export function joinHeads(tokens: Tensor, heads: number): Tensor {
  const [length, d] = tokens.shape.slice(-2) as [number, number]
  return tokens
    .reshape(-1, heads, length, d)
    .transpose(1, 2)
    .reshape(-1, length, heads * d)
}

/** Queries [B*heads, n, d], keys and values [B*heads, N, d]. */
export type Heads = readonly [Tensor, Tensor, Tensor]

/** Views of q, k and v. */
function unpack(packed: Tensor): Heads {
  const [, batch, heads, length, d] = packed.shape as [number, number, number, number, number]
  const flat = packed.reshape(3, batch * heads, length, d)
  return [flat.select(0, 0), flat.select(0, 1), flat.select(0, 2)]
}

/** Attention in plain operators, every step kept for autograd. packed [3, B, heads, N, d] -> tokens [B, heads, N, d] */
function attend(packed: Tensor, drop: Dropout, { read, meanRows }: Wanted): Omit<Attended, 'factors'> {
  const [q, k, v] = [packed.select(0, 0), packed.select(0, 1), packed.select(0, 2)]
  const queries = q.mul(q.size(-1) ** -0.5)
  const weights = queries.matmul(k.transpose(-2, -1)).softmax(-1) // [B, h, N, N]
  noGrad(() => read?.({ weights, queries, keys: k }))
  return { tokens: drop.forward(weights).matmul(v), weights, mean: meanOf(weights, meanRows) }
}

/** What is read of one layer's attention. */
interface Wanted {
  readonly read: AttentionReader | undefined
  readonly meanRows: number
}

/** [B, heads, N, N] -> [B, rows, N]; undefined for no rows. */
function meanOf(weights: Tensor, rows: number): Tensor | undefined {
  return rows === 0 ? undefined : ops.meanDim(weights.narrow(2, 0, rows), [1], { dtype: 'float32' })
}

/** Softmaxed attention [B*heads, n, N] of scaled queries [B*heads, n, d] to keys [B*heads, N, d]; not recorded. */
export function attentionRows(queries: Tensor, keys: Tensor): Tensor {
  const weights = ops.bmm(queries, keys.transpose(1, 2))
  return ops.softmaxOut(weights, -1, false, weights)
}

/** The same without drop and in place, or with a derivative by hand; `packed`'s q is scaled where it lies. */
function attendHeads(packed: Tensor, { read, meanRows }: Wanted): Omit<Attended, 'factors'> {
  const [, batch, heads, length] = packed.shape as [number, number, number, number]
  const weightsOf = (rows: Tensor): Tensor => rows.reshape(batch, heads, length, length)
  const reader = (rows: Tensor, [scaled]: readonly Tensor[]): void =>
    read?.({ weights: weightsOf(rows), queries: scaled!.select(0, 0), keys: scaled!.select(0, 1) })
  if (isRecording()) {
    const lean = attendLean([packed], ([all]) => unpack(all!), { read: reader, heads, meanRows })
    return { ...lean, weights: undefined }
  }
  const { tokens, rows } = attendInPlace(unpack(packed))
  reader(rows, [packed])
  const weights = weightsOf(rows)
  return { tokens, weights, mean: meanOf(weights, meanRows) }
}

/** Unrecorded attention -> tokens [B*heads, n, d], weights [B*heads, n, N]; q is scaled where it lies. */
export function attendInPlace([q, k, v]: Heads): { tokens: Tensor; rows: Tensor } {
  ops.mulScalar_(q, q.size(-1) ** -0.5)
  const rows = attentionRows(q, k) // the scores, overwritten by their softmax
  return { tokens: ops.bmm(rows, v), rows }
}

interface LeanOptions {
  readonly read?: (rows: Tensor, parts: readonly Tensor[]) => void
  /** For the mean over so many heads of the first rows. */
  readonly heads?: number
  readonly meanRows?: number
}

/**
 * Recorded attention with a derivative by hand: only q, k, v and the softmaxed rows [B*heads, n, N] are kept. `partsOf` shows
 * q, k and v as they lie in `parts`, which nothing else may read: q is scaled in place. -> tokens [B*heads, n, d]
 */
export function attendLean(
  parts: readonly Tensor[],
  partsOf: (parts: readonly Tensor[]) => Heads,
  { read, heads = 1, meanRows = 0 }: LeanOptions = {},
): { tokens: Tensor; mean: Tensor | undefined } {
  const byHead = (rows: Tensor): Tensor => rows.reshape(-1, heads, rows.size(1), rows.size(2))
  const [tokens, mean] = differentiable(
    'attention',
    parts,
    () => {
      const scaled = parts.map(part => part.detach())
      const { tokens, rows } = attendInPlace(partsOf(scaled))
      read?.(rows, scaled)
      const mean = meanOf(byHead(rows), meanRows)
      return { outputs: mean === undefined ? [tokens] : [tokens, mean], saved: [...scaled, rows] }
    },
    ([dTokens, dMean], saved) => {
      const [scaled, rows] = [saved.slice(0, -1), saved.at(-1)!]
      const [q, k, v] = partsOf(scaled)
      const gradient = dTokens ?? ops.zerosLike(q)
      const dParts = scaled.map(part => ops.emptyLike(part))
      const [dq, dk, dv] = partsOf(dParts)
      ops.bmmOut(rows.transpose(1, 2), gradient, dv)
      const dScores = ops.bmm(gradient, v.transpose(1, 2)) // [B*h, n, N]
      if (dMean !== undefined)
        ops.add_(byHead(dScores).narrow(2, 0, meanRows), dMean.unsqueeze(1), { alpha: 1 / heads })
      ops.softmaxBackwardOut(dScores, rows, -1, q.dtype, dScores)
      ops.bmmOut(dScores, k, dq)
      ops.mulScalar_(dq, q.size(-1) ** -0.5)
      ops.bmmOut(dScores.transpose(1, 2), q, dk)
      return dParts
    },
  )
  return { tokens: tokens!, mean }
}
