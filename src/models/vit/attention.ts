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
    const part = (index: number, of = qkv): Tensor => of.narrow(2, index * width, width)
    const factors = withFactors ? { queries: part(0), keys: part(1), heads } : undefined
    if (!withWeights && read === undefined && !this.drop.active && x.device === 'cpu') {
      const parts = ([of]: readonly Tensor[]): Heads => [part(0, of), part(1, of), part(2, of)]
      const { tokens, mean } = attendWithoutWeights([qkv], parts, { heads, meanRows })
      return { tokens: this.proj.forward(tokens), weights: undefined, factors, mean }
    }
    const made = packHeads(qkv, heads)
    const packed = withFactors ? made.clone() : made // its queries are scaled in place
    const { tokens, weights, mean } =
      this.drop.active || isRecording()
        ? attend(packed, this.drop, { read, meanRows })
        : attendInPlace(packed, { read, meanRows })
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

/** Queries, keys and values. */
export type Heads = readonly [Tensor, Tensor, Tensor]

/**
 * Attention on a CPU of which nothing is kept but q [B, N, D], k and v [B, M, D], which `partsOf` shows as they lie in `tensors`:
 * no head's weights are ever whole, and backward computes them again. -> tokens [B, N, D], mean over the heads of the first
 * rows, float32 [B, meanRows, M]
 */
export function attendWithoutWeights(
  tensors: readonly Tensor[],
  partsOf: (tensors: readonly Tensor[]) => Heads,
  { heads, meanRows = 0 }: { heads: number; meanRows?: number },
): { tokens: Tensor; mean: Tensor | undefined } {
  const forward = (): readonly Tensor[] =>
    ops.attention(...partsOf(tensors), heads, meanRows).slice(0, meanRows === 0 ? 1 : 2)
  const derivative = (
    [dTokens, dMean]: readonly (Tensor | undefined)[],
    saved: readonly Tensor[],
  ): readonly Tensor[] => {
    const [q, k, v] = partsOf(saved)
    const given = dTokens?.to({ dtype: q.dtype }) ?? ops.zerosLike(q)
    const made = saved.map(({ shape, dtype }) => ops.empty([...shape], { dtype }))
    ops.attentionBackward(given, dMean, q, k, v, heads, ...partsOf(made))
    return made
  }
  const [tokens, mean] = isRecording()
    ? differentiable('attention', tensors, () => ({ outputs: forward(), saved: tensors }), derivative)
    : forward()
  return { tokens: tokens!, mean }
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

/** The same without drop and in place, unrecorded; `packed`'s q is scaled where it lies. */
function attendInPlace(packed: Tensor, { read, meanRows }: Wanted): Omit<Attended, 'factors'> {
  const [, batch, heads, length, d] = packed.shape as [number, number, number, number, number]
  const flat = packed.reshape(3, batch * heads, length, d)
  const [q, k, v] = [flat.select(0, 0), flat.select(0, 1), flat.select(0, 2)]
  ops.mulScalar_(q, d ** -0.5)
  const rows = attentionRows(q, k) // the scores, overwritten by their softmax
  const weights = rows.reshape(batch, heads, length, length)
  read?.({ weights, queries: packed.select(0, 0), keys: packed.select(0, 1) })
  return { tokens: ops.bmm(rows, v), weights, mean: meanOf(weights, meanRows) }
}
