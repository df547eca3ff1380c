/** @file A DeiT whose patch positions are a parameter of their own, for any tokens in front: what both networks stand on (core/models/transformer_backbone.py). */
import {
  type Block,
  type BlockVisitor,
  blocks,
  PatchEmbed,
  type PatchGrid,
  padToPatches,
  resamplePositions,
  runBlocks,
  type VitOptions,
} from '../../models/vit/index.ts'
import { LayerNorm, Linear, Module, Parameter, truncatedNormal } from '../../nn/index.ts'
import { ops, scope, type Tensor } from '../../torch/index.ts'

/** What a DeiT's file holds besides and nothing here uses; part of every checkpoint, as published. */
export interface UnusedParts {
  /** Its class token, and positions for images of this many pixels a side. */
  readonly classTokenOf?: number
  /** A distilled one's second token, and the classifier of so many classes on it. */
  readonly distilled?: number
}

export interface GridBackboneOptions extends VitOptions, UnusedParts {
  /** Side of the training crop. */
  readonly imageSize: number
}

/** Tokens before those of the patches. */
export interface OuterTokens {
  /** [1, K, D] */
  readonly tokens: Tensor
  /** [1, K, D] */
  readonly positions: Tensor
}

class Deit extends Module {
  readonly clsToken: Parameter | undefined
  readonly posEmbed: Parameter | undefined
  readonly distToken: Parameter | undefined
  readonly patchEmbed: PatchEmbed
  readonly blocks: Block[]
  readonly norm: LayerNorm
  readonly headDist: Linear | undefined

  constructor({ classTokenOf, distilled, ...vit }: VitOptions & UnusedParts) {
    super()
    const { embedDim, patchSize } = vit
    const tokens = (count: number): Parameter => new Parameter(truncatedNormal([1, count, embedDim]))
    if (classTokenOf !== undefined) {
      this.clsToken = tokens(1)
      this.posEmbed = tokens(1 + Math.floor(classTokenOf / patchSize) ** 2)
    }
    if (distilled !== undefined) this.distToken = tokens(1)
    this.patchEmbed = new PatchEmbed(vit)
    this.blocks = blocks(vit)
    this.norm = new LayerNorm({ features: embedDim })
    if (distilled !== undefined)
      this.headDist = new Linear({ inFeatures: embedDim, outFeatures: distilled, init: truncatedNormal })
  }
}

export class GridBackbone extends Module {
  /** [1, side*side, D] */
  readonly gridPosembed: Parameter
  readonly model: Deit
  /** Patches along a side of the training crop. */
  readonly side: number

  constructor({ imageSize, ...deit }: GridBackboneOptions) {
    super()
    this.side = Math.floor(imageSize / deit.patchSize)
    this.gridPosembed = new Parameter(truncatedNormal([1, this.side ** 2, deit.embedDim]))
    this.model = new Deit(deit)
  }

  /** Patches that cover images [B, 3, H, W]. */
  grid(images: Tensor): PatchGrid {
    const { stride: patch } = this.model.patchEmbed.proj
    return { rows: Math.ceil(images.size(2) / patch), columns: Math.ceil(images.size(3) / patch) }
  }

  /**
   * Tokens after the final norm [B, K + h*w, D], those of `outer` first. images [B, 3, H, W], normalised; the right and bottom
   * remainder is filled with zeros.
   */
  tokens(images: Tensor, { outer, visitor }: { outer?: OuterTokens; visitor?: BlockVisitor } = {}): Tensor {
    return scope(() =>
      this.model.norm.forward(runBlocks(this.model.blocks, this.embed(images, outer), visitor)),
    )
  }

  private embed(images: Tensor, outer?: OuterTokens): Tensor {
    return scope(() => {
      const { rows, columns } = this.grid(images)
      const whole = padToPatches(images, this.model.patchEmbed.proj.stride)
      const positions =
        rows === this.side && columns === this.side
          ? this.gridPosembed
          : resamplePositions(this.gridPosembed, { rows, columns })
      const patches = this.model.patchEmbed.forward(whole).add(positions)
      if (outer === undefined) return patches
      const front = outer.tokens.add(outer.positions).expand(images.size(0), -1, -1)
      return ops.cat([front.to({ dtype: patches.dtype }), patches], { dim: 1 })
    })
  }
}
