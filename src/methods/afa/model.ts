/** @file AFA's network (Ru et al. 2022): one encoder, a classifier, SegFormer's head, and an affinity learned from attention. */
import type { TensorData } from '../../io/tensor-data.ts'
import type { AdaptedWeights } from '../../models/adapted-weights.ts'
import { asMap, asTokens, gridOf, type Stages } from '../../models/mit/index.ts'
import { SegformerHead } from '../../models/segformer/index.ts'
import type { LogitFactors, PatchGrid } from '../../models/vit/index.ts'
import { Conv2d, kaimingNormal, Module } from '../../nn/index.ts'
import { ops, scope, type Tensor } from '../../torch/index.ts'
import type { AfaEncoder } from './encoder.ts'

export interface AfaOptions {
  readonly encoder: AfaEncoder
  /** Without the background. */
  readonly numClasses: number
  /** Channels that the segmentation head reduces each stage map to. */
  readonly embedDim?: number
  /** How the last map becomes class logits: its largest response (gmp) or its mean (gap). */
  readonly pooling?: 'max' | 'mean'
  /** Rate of the channel dropout before the segmentation head's classifier. */
  readonly dropout?: number
}

/** All in float32. */
export interface AfaOutput {
  /** [B, C] */
  readonly classLogits: Tensor
  /** [B, 1 + C, ceil(H/4), ceil(W/4)], the background first */
  readonly segLogits: Tensor
  /** [B, N, N] in (0, 1), symmetric, over the N places of the last map; only where asked for. */
  readonly affinity: Tensor | undefined
  /** Of the encoder. */
  readonly maps: Stages<Tensor>
}

export interface AfaCams {
  /** The classifier's responses at each place of the last map [B, C, h, w], signed. */
  readonly cams: Tensor
  /** As AfaOutput's, of as many images as asked for. */
  readonly affinity: Tensor | undefined
}

/** Names are those of the authors' WeTr. */
export class Afa extends Module {
  readonly encoder: Module
  readonly decoder: SegformerHead
  readonly attnProj: Conv2d
  readonly classifier: Conv2d
  readonly pooling: 'max' | 'mean'
  readonly #encoder: AfaEncoder

  constructor({ encoder, numClasses, embedDim = 256, pooling = 'max', dropout = 0.1 }: AfaOptions) {
    super()
    const { channels, heads } = encoder
    this.#encoder = encoder
    this.pooling = pooling
    this.encoder = encoder.network
    this.decoder = new SegformerHead({ channels, labels: numClasses + 1, embedDim, dropout })
    this.attnProj = new Conv2d({
      inChannels: heads,
      outChannels: 1,
      kernel: 1,
      init: shape => kaimingNormal(shape, { fan: 'out', negativeSlope: Math.sqrt(5) }),
    })
    this.classifier = new Conv2d({ inChannels: channels[3], outChannels: numClasses, kernel: 1, bias: false })
  }

  /** Places of the last map of images [B, 3, H, W], resized by a factor. */
  grid(images: Tensor, scale = 1): PatchGrid {
    const places = (side: number): number => Math.ceil(Math.trunc(scale * side) / this.#encoder.stride)
    return { rows: places(images.size(2)), columns: places(images.size(3)) }
  }

  /** Class logits [B, C] of images [B, 3, H, W], normalised, without the segmentation head. */
  classLogits(images: Tensor): Tensor {
    return scope(() => this.pooledLogits(this.#encoder.forward(images, { withFactors: false }).maps[3]))
  }

  /** images [B, 3, H, W], normalised */
  forward(images: Tensor, { affinity = false } = {}): AfaOutput {
    return scope(() => {
      const { maps, factors } = this.#encoder.forward(images, { withFactors: affinity })
      return {
        classLogits: this.pooledLogits(maps[3]),
        segLogits: this.decoder.forward(maps).to({ dtype: 'float32' }),
        affinity: affinity ? this.affinity(factors) : undefined,
        maps,
      }
    })
  }

  /**
   * The CAM path; call without autograd. In training the head's running statistics see the maps, as in the original, whose head
   * runs in every pass (`observe: false` leaves them alone). `affinityOf`: the affinity of so many images, from the first.
   * `before`: stage maps of other images, whose CAMs come first, or the only ones.
   */
  cams(
    images: Tensor | undefined,
    {
      affinityOf = 0,
      observe = this.training,
      before,
    }: { affinityOf?: number; observe?: boolean; before?: Stages<Tensor> | undefined } = {},
  ): AfaCams {
    return scope(() => {
      const seen = images && this.#encoder.forward(images, { withFactors: affinityOf > 0 })
      const passes = [before, seen?.maps].filter(maps => maps !== undefined)
      const joined = (stage: 0 | 1 | 2 | 3): Tensor =>
        passes.length === 1 ? passes[0]![stage] : ops.cat(passes.map(maps => maps[stage]))
      const maps: Stages<Tensor> = [joined(0), joined(1), joined(2), joined(3)]
      const factors = seen?.factors ?? []
      if (observe) this.decoder.observe(maps)
      const cams = asMap(this.classified(asTokens(maps[3])), gridOf(maps[3]))
      const first = factors.map(({ queries, keys, heads }) => ({
        queries: queries.narrow(0, 0, affinityOf),
        keys: keys.narrow(0, 0, affinityOf),
        heads,
      }))
      return {
        cams: cams.to({ dtype: 'float32' }),
        affinity: affinityOf > 0 ? this.affinity(first) : undefined,
      }
    })
  }

  /** As the encoder's `adapt`. */
  adaptEncoder(weights: ReadonlyMap<string, TensorData>, options: { file: string }): AdaptedWeights {
    return this.#encoder.adapt(weights, options)
  }

  /** [B, D, h, w] -> [B, C] */
  private pooledLogits(map: Tensor): Tensor {
    const places = asTokens(map) // [B, N, D]
    const pooled = this.pooling === 'max' ? places.max(1).values : places.mean(1)
    return this.classified(pooled).to({ dtype: 'float32' })
  }

  /** [..., D] -> [..., C] */
  private classified(places: Tensor): Tensor {
    const { weight } = this.classifier
    return ops.linear(places, weight.reshape(weight.size(0), -1))
  }

  /**
   * sigmoid(conv(S + S^T)) of the logits S [B, heads, N, N] of all blocks that are read. The convolution is a weighted sum over
   * heads, so M = sum_h w_h q_h k_h^T is one product of weighted queries with keys, and the result sigmoid(M + M^T + b):
   * no matrix for each head is made.
   */
  private affinity(factors: readonly LogitFactors[]): Tensor {
    return scope(() => {
      const { weight, bias } = this.attnProj
      const perChannel = factors.map(({ queries, heads }, i) => {
        const before = factors.slice(0, i).reduce((sum, { heads }) => sum + heads, 0)
        const own = weight.reshape(-1).narrow(0, before, heads)
        return ops.repeatInterleave(own, queries.size(2) / heads)
      })
      const weights = ops.cat(perChannel)
      const queries = ops.cat(
        factors.map(({ queries }) => queries),
        { dim: 2 },
      )
      const keys = ops.cat(
        factors.map(({ keys }) => keys),
        { dim: 2 },
      )
      const sum = ops.bmm(queries.mul(weights), keys.transpose(1, 2)).to({ dtype: 'float32' }) // [B, N, N]
      return sum.add(sum.transpose(1, 2)).add(bias!).sigmoid()
    })
  }
}
