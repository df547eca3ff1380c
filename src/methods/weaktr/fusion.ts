/** @file Weights of the attention heads: WeakTr's adaptive attention fusion (AAF), in its three generations. */
import { Linear, Module } from '../../nn/index.ts'
import { ops, scope, type Tensor } from '../../torch/index.ts'

/** Input of the weights. v1: the attention itself; v2: the output of the block; v3: that of its attention layer. */
export type Generation = 'v1' | 'v2' | 'v3'

export interface AafOptions {
  readonly kind: 'aaf'
  readonly generation?: Generation
  /** Pooling of a head's features over all tokens (v1: its attention over all pairs, of which the mean is always 1/N). */
  readonly pool?: 'max' | 'avg'
  /** Heads of all layers to one hidden number. */
  readonly reduction?: number
  /** Channels of a head to one hidden number; v1 has no features. */
  readonly featReduction?: number
}

/** mean-sum: the mean over the heads of a layer, summed over layers; nothing is learned. */
export type HeadFusionOptions = AafOptions | { readonly kind: 'mean-sum' }

interface Sizes {
  readonly embedDim: number
  readonly depth: number
  readonly heads: number
}

/**
 * Weights in (0, 1) of all heads of all layers, from features of each head (AAF.py). Heads are numbered
 * head * depth + layer throughout, and a head owns every heads-th channel, as in the original.
 */
export class AdaptiveAttentionFusion extends Module {
  /** v1's name of what v2 and v3 call attn_head_ffn. */
  readonly fc: Readonly<Record<string, Linear>> | undefined
  readonly attnHeadFfn: Readonly<Record<string, Linear>> | undefined
  readonly attnFeatFfn: readonly Linear[] | undefined
  readonly generation: Generation
  readonly pool: 'max' | 'avg'
  readonly heads: number
  /** Numbers that describe a head. */
  readonly features: number

  constructor(
    { generation = 'v3', pool = 'max', reduction = 8, featReduction = 8 }: AafOptions,
    { embedDim, depth, heads }: Sizes,
  ) {
    super()
    this.generation = generation
    this.pool = pool
    this.heads = heads
    this.features = generation === 'v1' ? 1 : embedDim / heads
    const all = depth * heads
    const hidden = Math.floor(all / reduction)
    const among = {
      // the indices in the original's nn.Sequential
      0: new Linear({ inFeatures: all, outFeatures: hidden, bias: false }),
      2: new Linear({ inFeatures: hidden, outFeatures: all, bias: false }),
    }
    if (generation === 'v1') {
      this.fc = among
      return
    }
    const narrow = Math.floor(this.features / featReduction)
    this.attnHeadFfn = among
    this.attnFeatFfn = [
      new Linear({ inFeatures: this.features, outFeatures: narrow }),
      new Linear({ inFeatures: narrow, outFeatures: 1 }),
    ]
  }

  /** Features [B, heads, d] of one layer's heads: its attention [B, heads, N, N] (v1) or tokens [B, N, D] pooled. */
  poolHeads(x: Tensor): Tensor {
    return scope(() => {
      const axes = this.generation === 'v1' ? [2, 3] : [1]
      const pooled = this.pool === 'max' ? ops.amax(x, { dim: axes }) : x.mean(axes)
      return this.generation === 'v1'
        ? pooled.unsqueeze(-1)
        : pooled.reshape(x.size(0), this.features, this.heads).transpose(1, 2)
    })
  }

  /** Weights [B, heads * depth] from the features [B, heads, depth, d] of all heads. */
  forward(features: Tensor): Tensor {
    return scope(() => {
      const flat = features.reshape(features.size(0), -1, this.features) // [B, heads * depth, d]
      const each = this.attnFeatFfn?.reduce((x, layer) => layer.forward(x), flat) ?? flat
      const among = (this.fc ?? this.attnHeadFfn)!
      return among[2]!
        .forward(among[0]!.forward(each.reshape(features.size(0), -1)).relu())
        .to({ dtype: 'float32' })
        .sigmoid()
    })
  }
}
