/** @file The class-aware autoencoder: a class embedding of an image for each class, and the image from them again (SemFormer, section 3.2; core/models/caae.py). */
import { TagmaskError } from '../../errors.ts'
import { type Block, blocks, type VitOptions } from '../../models/vit/index.ts'
import { Embedding, fanInUniform, LayerNorm, Linear, Module } from '../../nn/index.ts'
import { noGrad, ops, scope, type Tensor, tensor } from '../../torch/index.ts'
import { GridBackbone, type UnusedParts } from './grid-backbone.ts'
import { cosineSimilarity } from './similarity.ts'

/** How the primary tokens of all patches become a class embedding. */
export type Reduction = 'sum' | 'mean' | 'max'

export interface CaaeOptions extends VitOptions, Pick<UnusedParts, 'distilled'> {
  /** Side of the images. */
  readonly imageSize: number
  /** With the background, which is class 0. */
  readonly numClasses: number
  /** Channels of a class embedding. */
  readonly classDim?: number
  readonly reduction?: Reduction
  readonly decoderWidth?: number
  readonly decoderDepth?: number
  /** Whether the semantics of classes that an image lacks stay where they are; else they are pushed away from it. */
  readonly stopAbsent?: boolean
}

/** One pass of images [B, 3, S, S]. */
export interface CaaeOutput {
  /** [B, L, K*E], not negative */
  readonly primaryTokens: Tensor
  /** Class embeddings [B, K, E] */
  readonly embeddings: Tensor
  /** [B, L, decoder width] */
  readonly decoderTokens: Tensor
  /** [B, 3, S, S] */
  readonly reconstruction: Tensor
}

const PLAIN_EPS = 1e-5 // of torch.nn.LayerNorm, outside the encoder

class CaaeDecoder extends Module {
  readonly blocks: Block[]
  readonly norm: LayerNorm
  readonly mlp: Linear

  constructor({
    width,
    depth,
    heads,
    patchSize,
  }: {
    width: number
    depth: number
    heads: number
    patchSize: number
  }) {
    super()
    this.blocks = blocks({ embedDim: width, heads, mlpRatio: 4, depth, dropPath: 0, eps: PLAIN_EPS })
    for (const block of this.blocks) drawAsTorch(block)
    this.norm = new LayerNorm({ features: width, eps: PLAIN_EPS })
    this.mlp = new Linear({ inFeatures: width, outFeatures: 3 * patchSize ** 2 })
  }

  /** [B, L, width] -> patches [B, L, 3*p*p], channel by channel */
  forward(tokens: Tensor): Tensor {
    return scope(() => {
      const last = this.blocks.reduce((x, block) => scope(() => block.forward(x).tokens), tokens)
      return this.mlp.forward(this.norm.forward(last))
    })
  }
}

/** torch.nn.Linear's own initial values, which the authors leave in the decoder. */
function drawAsTorch(module: Module): void {
  noGrad(() =>
    scope(() => {
      const all = module.parameters()
      for (const [name, weight] of all) {
        if (weight.shape.length !== 2) continue
        const bias = all.get(name.replace(/weight$/, 'bias'))
        for (const drawn of bias === undefined ? [weight] : [weight, bias])
          ops.copy_(drawn, fanInUniform(drawn.shape, weight.size(1)))
      }
    }),
  )
}

export class Caae extends Module {
  readonly encoder: { readonly vit_backbone: GridBackbone }
  readonly mlp: Linear
  decoder: CaaeDecoder | undefined
  readonly convert: { readonly 0: Linear }
  readonly reConvert: { readonly 0: Linear; readonly 1: LayerNorm }
  readonly crs: { readonly 0: Embedding }
  readonly numClasses: number
  readonly reduction: Reduction
  readonly stopAbsent: boolean

  constructor({
    numClasses,
    classDim = 256,
    reduction = 'sum',
    decoderWidth = 768,
    decoderDepth = 8,
    stopAbsent = true,
    ...deit
  }: CaaeOptions) {
    super()
    const { embedDim, heads, patchSize } = deit
    this.numClasses = numClasses
    this.reduction = reduction
    this.stopAbsent = stopAbsent
    const all = numClasses * classDim
    this.encoder = { vit_backbone: new GridBackbone({ ...deit, dropPath: 0 }) }
    this.mlp = new Linear({ inFeatures: embedDim, outFeatures: decoderWidth })
    this.decoder = new CaaeDecoder({ width: decoderWidth, depth: decoderDepth, heads, patchSize })
    this.convert = { 0: new Linear({ inFeatures: embedDim, outFeatures: all, bias: false }) }
    this.reConvert = {
      0: new Linear({ inFeatures: all, outFeatures: embedDim, bias: false }),
      1: new LayerNorm({ features: embedDim, eps: PLAIN_EPS }),
    }
    this.crs = { 0: new Embedding({ count: numClasses, features: classDim }) }
  }

  get backbone(): GridBackbone {
    return this.encoder.vit_backbone
  }

  /** Class semantics [K, E]. */
  semantics(): Tensor {
    return this.crs[0].weight.relu()
  }

  /** Frees the decoder, which only a reconstruction needs: `forward` throws from now on. */
  dropDecoder(): void {
    this.decoder?.dispose()
    this.decoder = undefined
  }

  /** Class embeddings [B, K, E] of images [B, 3, S, S], normalised; of `classes` alone where given. */
  embeddings(images: Tensor, { classes }: { classes?: readonly number[] } = {}): Tensor {
    return scope(() => this.reduce(this.primaryTokens(images, classes)))
  }

  /** Cosine of each class embedding to the semantics of its class [B, K]; `present` [B, K] in {0, 1}. */
  similarities(embeddings: Tensor, present?: Tensor): Tensor {
    return scope(() => {
      const semantics = this.semantics()
      if (present === undefined || !this.stopAbsent) return cosineSimilarity(embeddings, semantics)
      const own = present.unsqueeze(-1) // [B, K, 1]
      const still = semantics.detach().mul(own.neg().add(1))
      return cosineSimilarity(embeddings, semantics.mul(own).add(still))
    })
  }

  /** images [B, 3, S, S], normalised */
  forward(images: Tensor): CaaeOutput {
    const { decoder } = this
    if (decoder === undefined) throw new TagmaskError('the decoder of this autoencoder was dropped')
    return scope(() => {
      const primaryTokens = this.primaryTokens(images)
      const plain = (tokens: Tensor): Tensor => tokens.to({ dtype: 'float32' }) // of bf16 products, for the norms
      const joined = scope(() => this.reConvert[1].forward(plain(this.reConvert[0].forward(primaryTokens))))
      const decoderTokens = plain(this.mlp.forward(joined))
      const patches = decoder.forward(decoderTokens)
      return {
        primaryTokens,
        embeddings: this.reduce(primaryTokens),
        decoderTokens,
        reconstruction: this.unfold(patches, images),
      }
    })
  }

  /** [B, L, K*E], of `classes` alone where given. */
  private primaryTokens(images: Tensor, classes?: readonly number[]): Tensor {
    return scope(() => {
      const { weight } = this.convert[0]
      const rows = (own: readonly number[]): Tensor => {
        const index = tensor([...own]).to({ dtype: 'int64', device: weight.device })
        const each = weight.reshape(this.numClasses, -1, weight.size(1)) // [K, E, D]
        return ops.indexSelect(each, 0, index).reshape(-1, weight.size(1))
      }
      return ops.linear(this.backbone.tokens(images), classes === undefined ? weight : rows(classes)).relu()
    })
  }

  /** [B, L, K*E] -> [B, K, E] */
  private reduce(tokens: Tensor): Tensor {
    const reduced = {
      sum: () => tokens.sum(1),
      mean: () => tokens.mean(1),
      max: () => tokens.max(1).values,
    }[this.reduction]()
    return reduced.reshape(tokens.size(0), -1, this.semantics().size(1))
  }

  /** Patches [B, h*w, 3*p*p] side by side [B, 3, H, W]. */
  private unfold(patches: Tensor, images: Tensor): Tensor {
    const { rows, columns } = this.backbone.grid(images)
    const { stride: p } = this.backbone.model.patchEmbed.proj
    return patches
      .reshape(images.size(0), rows, columns, 3, p, p)
      .permute(0, 3, 1, 4, 2, 5)
      .reshape(images.size(0), 3, rows * p, columns * p)
  }
}
