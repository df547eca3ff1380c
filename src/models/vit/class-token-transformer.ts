/** @file A vision transformer with one class token per class before the patch tokens: the body of MCTformer and WeakTr. */
import { InputError } from '../../errors.ts'
import { type Conv2d, LayerNorm, Module, Parameter, truncatedNormal } from '../../nn/index.ts'
import { ops, scope, type Tensor } from '../../torch/index.ts'
import { type Block, blocks } from './block.ts'
import { PatchEmbed } from './patch-embed.ts'
import { resamplePositions } from './pos-embed.ts'
import { type BlockVisitor, runBlocks, tokensOfBlocks } from './trunk.ts'
import type { VitOptions } from './widths.ts'

export interface ClassTokenOptions extends VitOptions {
  readonly numClasses: number
  /** Side of the training crop. */
  readonly imageSize: number
}

/** Patches of an image. */
export interface PatchGrid {
  readonly rows: number
  readonly columns: number
}

/** timm's list of parameters without weight decay, besides biases; separate position embeddings are not on it, and so decay. */
export const noDecay: ReadonlySet<string> = new Set(['pos_embed', 'cls_token'])

export abstract class ClassTokenTransformer extends Module {
  readonly clsToken: Parameter
  readonly posEmbed: Parameter
  /** Separate positions of class and patch tokens, with `posEmbed` unused. */
  readonly posEmbedCls: Parameter | undefined
  readonly posEmbedPat: Parameter | undefined
  readonly patchEmbed: PatchEmbed
  readonly blocks: Block[]
  /** Part of every checkpoint, never used: tokens come straight out of the last block. */
  readonly norm: LayerNorm
  readonly numClasses: number
  /** Patches along a side of the training crop. */
  readonly side: number

  /**
   * `unusedSize`: image size of a `posEmbed` that checkpoints have in addition to separate positions. `learned`: tokens that
   * `clsToken` holds, where the class tokens are made of fewer.
   */
  constructor(
    { numClasses, imageSize, ...vit }: ClassTokenOptions,
    { unusedSize, learned = numClasses }: { unusedSize?: number | undefined; learned?: number } = {},
  ) {
    super()
    const { embedDim, patchSize } = vit
    this.numClasses = numClasses
    this.side = Math.floor(imageSize / patchSize)
    const positions = (count: number): Parameter => new Parameter(truncatedNormal([1, count, embedDim]))
    this.clsToken = positions(learned)
    if (unusedSize === undefined) {
      this.posEmbed = positions(numClasses + this.side ** 2)
    } else {
      this.posEmbed = positions(1 + Math.floor(unusedSize / patchSize) ** 2)
      this.posEmbedCls = positions(numClasses)
      this.posEmbedPat = positions(this.side ** 2)
    }
    this.patchEmbed = new PatchEmbed(vit)
    this.blocks = blocks(vit)
    this.norm = new LayerNorm({ features: embedDim })
  }

  /** Whole patches in images [B, 3, H, W]. Throws InputError for images smaller than a patch. */
  grid(images: Tensor): PatchGrid {
    const patch = this.patchEmbed.proj.stride
    const [rows, columns] = [Math.floor(images.size(2) / patch), Math.floor(images.size(3) / patch)]
    if (rows === 0 || columns === 0) {
      throw new InputError('image', `${images.size(3)} x ${images.size(2)} pixels is smaller than a patch`, {
        expected: `at least ${patch} x ${patch}`,
      })
    }
    return { rows, columns }
  }

  /** Position embeddings for images [B, 3, H, W]: of all tokens, or of the patch tokens where they are separate. */
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

  /** Tokens [B, C + h*w, D] out of the last block, class tokens first; images [B, 3, H, W], normalised. */
  protected tokens(images: Tensor, visitor?: BlockVisitor): Tensor {
    return runBlocks(this.blocks, this.embed(images), visitor)
  }

  /** The class tokens out of each block [layers, B, C, D], without autograd; images as `tokens` takes them. */
  classTokensOfBlocks(images: Tensor): Tensor {
    return tokensOfBlocks(this.numClasses, visitor => this.tokens(images, visitor))
  }

  /** Responses F [B, C, h, w] of a convolution over the patch tokens among `tokens`, in float32. */
  protected responses(head: Conv2d, tokens: Tensor, { rows, columns }: PatchGrid): Tensor {
    return scope(() => {
      const patches = tokens.narrow(1, this.numClasses, rows * columns)
      const grid = patches.transpose(1, 2).reshape(tokens.size(0), -1, rows, columns)
      return head.forward(grid).to({ dtype: 'float32' })
    })
  }

  /** The class tokens [1, C, D] before their positions. */
  protected classTokens(): Tensor {
    return this.clsToken
  }

  /** Tokens [B, C + h*w, D] into the first block, with their positions; images [B, 3, H, W], normalised. */
  protected embed(images: Tensor): Tensor {
    return scope(() => {
      const batch = images.size(0)
      const { rows, columns } = this.grid(images)
      const positions = this.positions(images)
      const patches = this.patchEmbed.forward(images).reshape(batch, rows * columns, -1)
      const classes = this.classTokens().expand(batch, -1, -1)
      if (this.posEmbedCls === undefined) return ops.cat([classes, patches], { dim: 1 }).add(positions)
      return ops.cat([classes.add(this.posEmbedCls), patches.add(positions)], { dim: 1 })
    })
  }
}
