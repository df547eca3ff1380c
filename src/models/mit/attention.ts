/** @file SegFormer's self-attention: keys and values from a smaller map, and the factors of its logits for methods that ask. */
import { type Conv2d, LayerNorm, Linear, Module, truncatedNormal } from '../../nn/index.ts'
import { ops, type Tensor } from '../../torch/index.ts'
import { attendWithoutWeights, type Heads, joinHeads, type LogitFactors } from '../vit/attention.ts'
import type { PatchGrid } from '../vit/index.ts'
import { convolution } from './convolution.ts'
import { asMap, asTokens } from './token-map.ts'

/** Raw logits q k^T [B, heads, N, M]: neither scaled nor softmaxed. */
export function attentionLogits({ queries, keys, heads }: LogitFactors): Tensor {
  const [q, k] = [queries, keys].map(tokens => splitHeads(tokens, heads)) as [Tensor, Tensor]
  return q.matmul(k.transpose(-2, -1))
}

export interface EfficientAttentionOptions {
  readonly embedDim: number
  readonly heads: number
  /** Keys and values are taken from a map that is this many times smaller each way. */
  readonly srRatio: number
}

export class EfficientAttention extends Module {
  readonly q: Linear
  readonly kv: Linear
  readonly proj: Linear
  readonly sr: Conv2d | undefined
  readonly norm: LayerNorm | undefined
  readonly heads: number

  constructor({ embedDim, heads, srRatio }: EfficientAttentionOptions) {
    super()
    this.heads = heads
    const linear = (outFeatures: number): Linear =>
      new Linear({ inFeatures: embedDim, outFeatures, init: truncatedNormal })
    this.q = linear(embedDim)
    this.kv = linear(2 * embedDim)
    this.proj = linear(embedDim)
    if (srRatio === 1) return
    const side = { kernel: srRatio, stride: srRatio }
    this.sr = convolution({ inChannels: embedDim, outChannels: embedDim, ...side })
    this.norm = new LayerNorm({ features: embedDim, eps: 1e-5 })
  }

  /** x [B, N, D], normalised -> tokens [B, N, D]; `factors` only where asked for. */
  forward(
    x: Tensor,
    grid: PatchGrid,
    { withFactors = false } = {},
  ): { tokens: Tensor; factors: LogitFactors | undefined } {
    const { heads } = this
    const queries = this.q.forward(x)
    const keysAndValues = this.kv.forward(this.reduced(x, grid)) // [B, M, 2D]
    const tokens = this.proj.forward(attend(queries, keysAndValues, heads))
    if (!withFactors) return { tokens, factors: undefined }
    return { tokens, factors: { queries, keys: keysAndValues.narrow(2, 0, queries.size(2)), heads } }
  }

  /** Places of the smaller map [B, M, D]; a map smaller than the ratio is filled up with zeros. */
  private reduced(x: Tensor, grid: PatchGrid): Tensor {
    const { sr, norm } = this
    if (sr === undefined || norm === undefined) return x
    const [below, right] = [grid.rows, grid.columns].map(extent => Math.max(0, sr.stride - extent))
    const map = asMap(x, grid)
    const whole = below || right ? ops.constantPadNd(map, [0, right!, 0, below!]) : map
    return norm.forward(asTokens(sr.forward(whole)).to({ dtype: 'float32' }))
  }
}

/** [B, N, heads*d] -> [B, heads, N, d], contiguous */
function splitHeads(tokens: Tensor, heads: number): Tensor {
  const [batch, length, width] = tokens.shape as [number, number, number]
  return tokens
    .reshape(batch, length, heads, width / heads)
    .transpose(1, 2)
    .contiguous()
}

/** Tokens [B, N, D] of queries [B, N, D] and of keys and values [B, M, 2D]. */
function attend(queries: Tensor, keysAndValues: Tensor, heads: number): Tensor {
  const width = queries.size(2)
  const partsOf = ([q, kv]: readonly Tensor[]): Heads => [
    q!,
    kv!.narrow(2, 0, width),
    kv!.narrow(2, width, width),
  ]
  const parts = [queries, keysAndValues]
  if (queries.device === 'cpu') return attendWithoutWeights(parts, partsOf, { heads }).tokens
  const [q, k, v] = partsOf(parts).map(part => splitHeads(part, heads)) as [Tensor, Tensor, Tensor]
  const weights = q
    .mul(q.size(-1) ** -0.5)
    .matmul(k.transpose(-2, -1))
    .softmax(-1)
  return joinHeads(weights.matmul(v), heads)
}
