/** @file A vision transformer whose patch tokens are read at several depths: DeiT's names, any size of image. */
import { LayerNorm, Module, Parameter, truncatedNormal } from '../../nn/index.ts'
import { ops, scope, type Tensor } from '../../torch/index.ts'
import { type Block, blocks } from './block.ts'
import type { PatchGrid } from './class-token-transformer.ts'
import { PatchEmbed, padToPatches } from './patch-embed.ts'
import { resamplePositions } from './pos-embed.ts'
import { type BlockVisitor, runBlocks } from './trunk.ts'
import type { VitOptions } from './widths.ts'

export interface VisionTransformerOptions extends VitOptions {
  /** Side of the image that the position embeddings are for. */
  readonly imageSize: number
  /** 1 for a DeiT; one per class for a network that starts from an MCTformer. */
  readonly classTokens?: number
  /** Of the layer norms; 1e-6 is DeiT's. */
  readonly eps?: number
  /** Resampling of positions for another grid. */
  readonly resample?: 'bicubic' | 'bilinear'
}

export class VisionTransformer extends Module {
  readonly clsToken: Parameter
  readonly posEmbed: Parameter
  readonly patchEmbed: PatchEmbed
  readonly blocks: Block[]
  readonly norm: LayerNorm
  /** Patches along a side of `imageSize`. */
  readonly side: number
  readonly resample: 'bicubic' | 'bilinear'

  constructor({
    imageSize,
    classTokens = 1,
    eps = 1e-6,
    resample = 'bicubic',
    ...vit
  }: VisionTransformerOptions) {
    super()
    this.resample = resample
    const { embedDim, patchSize } = vit
    this.side = Math.floor(imageSize / patchSize)
    this.clsToken = new Parameter(truncatedNormal([1, classTokens, embedDim]))
    this.posEmbed = new Parameter(truncatedNormal([1, classTokens + this.side ** 2, embedDim]))
    this.patchEmbed = new PatchEmbed(vit)
    this.blocks = blocks({ ...vit, eps })
    this.norm = new LayerNorm({ features: embedDim, eps })
  }

  /**
   * Patch tokens after each of the blocks in `layers` (counted from 1, ascending), normalised by the final norm, as maps
   * [B, D, ceil(H/patch), ceil(W/patch)]. images [B, 3, H, W]; the right and bottom remainder is filled with zeros.
   */
  forward(images: Tensor, layers: readonly number[]): Tensor[] {
    const { rows, columns } = this.grid(images)
    return scope(() =>
      this.tokens(images, layers).map(tokens =>
        tokens
          .narrow(1, this.clsToken.size(1), rows * columns)
          .transpose(1, 2)
          .reshape(images.size(0), -1, rows, columns),
      ),
    )
  }

  /** As `forward`, all tokens as they are: [B, tokens + h*w, D], class tokens first; a visitor sees the blocks on the way. */
  tokens(images: Tensor, layers: readonly number[], visitor: BlockVisitor = {}): Tensor[] {
    const normalised: Tensor[] = []
    const embedded = this.embed(images)
    const last = runBlocks(this.blocks.slice(0, layers.at(-1)), embedded, {
      ...visitor,
      output: (made, layer) => {
        const replaced = visitor.output?.(made, layer)
        if (layers.includes(layer + 1)) normalised.push(this.norm.forward(replaced ?? made))
        return replaced
      },
    })
    for (const used of [embedded, last]) used.dispose()
    return normalised
  }

  /** Patches that cover images [B, 3, H, W]. */
  grid(images: Tensor): PatchGrid {
    const { stride: patch } = this.patchEmbed.proj
    return { rows: Math.ceil(images.size(2) / patch), columns: Math.ceil(images.size(3) / patch) }
  }

  private embed(images: Tensor): Tensor {
    return scope(() => {
      const { rows, columns } = this.grid(images)
      const whole = padToPatches(images, this.patchEmbed.proj.stride)
      const classTokens = this.clsToken.size(1)
      const tokens = ops.cat([this.clsToken.expand(images.size(0), -1, -1), this.patchEmbed.forward(whole)], {
        dim: 1,
      })
      if (rows === this.side && columns === this.side) return tokens.add(this.posEmbed)
      const patches = this.posEmbed.narrow(1, classTokens, this.side ** 2)
      const positions = [
        this.posEmbed.narrow(1, 0, classTokens),
        resamplePositions(patches, { rows, columns, filter: this.resample }),
      ]
      return tokens.add(ops.cat(positions, { dim: 1 }))
    })
  }
}
