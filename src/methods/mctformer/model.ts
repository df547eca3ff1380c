/** @file MCTformer (Xu et al., CVPR 2022) and MCTformer+: one class token per class, no background class. */
import { InputError } from '../../errors.ts'
import { type Block, blocks, PatchEmbed, resamplePositions, type VitOptions } from '../../models/vit/index.ts'
import { Conv2d, LayerNorm, Linear, Module, Parameter, truncatedNormal } from '../../nn/index.ts'
import { ops, scope, type Tensor, tensor } from '../../torch/index.ts'

export type Variant = 'v1' | 'v2' | 'plus'

export interface MctformerOptions extends VitOptions {
  readonly variant: Variant
  readonly numClasses: number
  /** Side of the training crop. */
  readonly imageSize: number
  /** Plus: weight of the next lower response in ranking pooling. */
  readonly decay?: number
  /** Plus: image size of the unused `pos_embed` that its checkpoints carry. */
  readonly baseImageSize?: number
}

/** What the network knows of a batch; logits [B, C] and patch grid [B, C, h, w]. */
export interface MctformerOutput {
  /** Mean over the channels of each class token (y in the paper). */
  readonly classLogits: Tensor
  /** Pooled patch logits (V2: average, plus: ranking); undefined for V1. */
  readonly patchLogits: Tensor | undefined
  /** The convolutional head's responses F [B, C, h, w], before ReLU; undefined for V1. */
  readonly patchMaps: Tensor | undefined
  /** Plus: class tokens after every block, each [B, C, D]. */
  readonly classTokens: readonly Tensor[]
  readonly grid: Grid
}

export interface Grid {
  readonly rows: number
  readonly columns: number
}

/** Called with each block's attention [B, heads, N, N], class tokens first; it is freed afterwards. */
export type AttentionVisitor = (weights: Tensor, layer: number) => void

export class Mctformer extends Module {
  readonly clsToken: Parameter
  readonly posEmbed: Parameter
  readonly posEmbedCls: Parameter | undefined
  readonly posEmbedPat: Parameter | undefined
  readonly patchEmbed: PatchEmbed
  readonly blocks: Block[]
  /** Part of every checkpoint, used by none of the three: tokens come straight out of the last block. */
  readonly norm: LayerNorm
  /** V1 carries a Linear it never calls. */
  readonly head: Linear | Conv2d
  readonly variant: Variant
  readonly numClasses: number
  /** Patches along a side of the training crop. */
  readonly side: number
  readonly decay: number

  constructor({
    variant,
    numClasses,
    imageSize,
    decay = 0.996,
    baseImageSize = 224,
    ...vit
  }: MctformerOptions) {
    super()
    const { embedDim, patchSize } = vit
    this.variant = variant
    this.numClasses = numClasses
    this.side = Math.floor(imageSize / patchSize)
    this.decay = decay
    const positions = (count: number): Parameter => new Parameter(truncatedNormal([1, count, embedDim]))
    this.clsToken = positions(numClasses)
    if (variant === 'plus') {
      this.posEmbed = positions(1 + Math.floor(baseImageSize / patchSize) ** 2)
      this.posEmbedCls = positions(numClasses)
      this.posEmbedPat = positions(this.side ** 2)
    } else {
      this.posEmbed = positions(numClasses + this.side ** 2)
    }
    this.patchEmbed = new PatchEmbed(vit)
    this.blocks = blocks(vit)
    this.norm = new LayerNorm({ features: embedDim })
    this.head =
      variant === 'v1'
        ? new Linear({ inFeatures: embedDim, outFeatures: numClasses, init: truncatedNormal })
        : new Conv2d({ inChannels: embedDim, outChannels: numClasses, kernel: 3, padding: 1 })
  }

  /** images [B, 3, H, W], normalised. Sides that are no multiple of the patch lose their remainder. */
  forward(images: Tensor, visit?: AttentionVisitor): MctformerOutput {
    const grid = this.grid(images)
    const classTokens: Tensor[] = []
    let x = this.embed(images, grid) // [B, C + h*w, D]
    this.blocks.forEach((block, layer) => {
      x = scope(() => {
        const { tokens, weights } = block.forward(x, { withWeights: visit !== undefined })
        if (weights !== undefined) visit?.(weights, layer)
        return tokens
      })
      if (this.variant === 'plus') classTokens.push(x.narrow(1, 0, this.numClasses))
    })
    const classLogits = x.narrow(1, 0, this.numClasses).mean(-1)
    const patchMaps = this.patchMaps(x, grid)
    const patchLogits = patchMaps === undefined ? undefined : this.pool(patchMaps)
    return { classLogits, patchLogits, patchMaps, classTokens, grid }
  }

  /** Position embeddings for pictures [B, 3, H, W]: of all tokens for V1 and V2, of the patch tokens for plus. */
  positions(images: Tensor): Tensor {
    const { rows, columns } = this.grid(images)
    const square = images.size(2) === images.size(3)
    if (rows * columns === this.side ** 2 && square) return this.posEmbedPat ?? this.posEmbed
    if (this.posEmbedPat !== undefined) {
      // The original never resamples in training and fails on another size; there is no reason to.
      return resamplePositions(this.posEmbedPat, { rows, columns, fudge: 0 })
    }
    const patches = this.posEmbed.narrow(1, this.numClasses, this.side ** 2)
    return ops.cat(
      [
        this.posEmbed.narrow(1, 0, this.numClasses),
        resamplePositions(patches, { rows, columns, fudge: 0.1 }),
      ],
      { dim: 1 },
    )
  }

  /** Whole patches in pictures [B, 3, H, W]. Throws InputError for pictures smaller than a patch. */
  grid(images: Tensor): Grid {
    const patch = this.patchEmbed.proj.stride
    const [rows, columns] = [Math.floor(images.size(2) / patch), Math.floor(images.size(3) / patch)]
    if (rows === 0 || columns === 0) {
      throw new InputError('image', `${images.size(3)} x ${images.size(2)} pixels is smaller than a patch`, {
        expected: `at least ${patch} x ${patch}`,
      })
    }
    return { rows, columns }
  }

  private embed(images: Tensor, { rows, columns }: Grid): Tensor {
    return scope(() => {
      const batch = images.size(0)
      const positions = this.positions(images)
      const patches = this.patchEmbed.forward(images).reshape(batch, rows * columns, -1)
      const classes = this.clsToken.expand(batch, -1, -1)
      if (this.posEmbedCls === undefined) return ops.cat([classes, patches], { dim: 1 }).add(positions)
      return ops.cat([classes.add(this.posEmbedCls), patches.add(positions)], { dim: 1 })
    })
  }

  private patchMaps(x: Tensor, { rows, columns }: Grid): Tensor | undefined {
    const { head } = this
    if (head instanceof Linear) return undefined
    return scope(() => {
      const patches = x.narrow(1, this.numClasses, rows * columns)
      return head
        .forward(patches.transpose(1, 2).reshape(x.size(0), -1, rows, columns))
        .to({ dtype: 'float32' })
    })
  }

  private pool(maps: Tensor): Tensor {
    return scope(() => {
      const responses = maps.reshape(maps.size(0), maps.size(1), -1) // [B, C, h*w]
      if (this.variant === 'v2') return responses.mean(-1)
      // Global weighted ranking pooling: the r-th largest response weighs decay^r.
      const [sorted] = ops.sort(responses, { dim: -1, descending: true })
      const count = responses.size(-1)
      const weights = Float32Array.from({ length: count }, (_, rank) => this.decay ** rank)
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      return sorted.mul(rowVector(weights, maps.device)).sum(-1).div(total)
    })
  }
}

function rowVector(values: Float32Array, device: string): Tensor {
  return tensor(values).to({ device })
}
