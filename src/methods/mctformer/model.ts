/** @file MCTformer (Xu et al., CVPR 2022) and MCTformer+: one class token per class, no background class. */
import { Unet, type UnetOptions } from '../../models/unet/index.ts'
import { type ClassTokenOptions, ClassTokenTransformer, type PatchGrid } from '../../models/vit/index.ts'
import { Conv2d, Linear, truncatedNormal } from '../../nn/index.ts'
import { noGrad, scope, type Tensor } from '../../torch/index.ts'
import { averagePool, rankingPool } from './pooling.ts'

export type Variant = 'v1' | 'v2' | 'plus'

export interface MctformerOptions extends ClassTokenOptions {
  readonly variant: Variant
  /** Plus: weight of the next lower response in ranking pooling. */
  readonly decay?: number
  /** Plus: image size of the unused `pos_embed` that its checkpoints carry. */
  readonly baseImageSize?: number
  /** Adds the U-Net global-feature module. */
  readonly unet?: Pick<UnetOptions, 'width' | 'levels'> | undefined
}

/** The outputs for a batch; logits [B, C] and patch grid [B, C, h, w]. */
export interface MctformerOutput {
  /** Mean over the channels of each class token (y in the paper). */
  readonly classLogits: Tensor
  /** Pooled patch logits (V2: average, plus: ranking); undefined for V1. */
  readonly patchLogits: Tensor | undefined
  /** The convolutional head's responses F [B, C, h, w], before ReLU; undefined for V1. */
  readonly patchMaps: Tensor | undefined
  /** Plus: class tokens after every block, each [B, C, D]. */
  readonly classTokens: readonly Tensor[]
  /** The U-Net's class evidence [B, C, H', W'], a value for each 4 x 4 pixels; undefined without one. */
  readonly evidence: Tensor | undefined
  readonly grid: PatchGrid
}

/** Sees the mean over heads of each block's attention, float32 [B, rows, N], class tokens first; not recorded, freed afterwards. */
export interface MctformerVisitor {
  /** First rows of the mean that are wanted: of the class tokens [0, C), then of the patches. */
  readonly rows: number
  readonly see: (mean: Tensor, layer: number) => void
}

export class Mctformer extends ClassTokenTransformer {
  /** V1 has a Linear that is never called. */
  readonly head: Linear | Conv2d
  readonly unet: Unet | undefined
  readonly variant: Variant
  readonly decay: number

  constructor({ variant, decay = 0.996, baseImageSize = 224, unet, ...vit }: MctformerOptions) {
    super(vit, { unusedSize: variant === 'plus' ? baseImageSize : undefined })
    const { embedDim, numClasses } = vit
    this.variant = variant
    this.decay = decay
    this.head =
      variant === 'v1'
        ? new Linear({ inFeatures: embedDim, outFeatures: numClasses, init: truncatedNormal })
        : new Conv2d({ inChannels: embedDim, outChannels: numClasses, kernel: 3, padding: 1 })
    this.unet = unet && new Unet({ ...unet, numClasses, embedDim }) // last: the others are drawn as without it
  }

  /** images [B, 3, H, W], normalised. Sides that are no multiple of the patch lose their remainder. */
  forward(images: Tensor, visit?: MctformerVisitor): MctformerOutput {
    const { head, numClasses, variant } = this
    const grid = this.grid(images)
    const classTokens: Tensor[] = []
    const tokens = this.tokens(images, {
      ...(visit && {
        records: () => ({ meanRows: visit.rows }),
        recorded({ mean }, layer) {
          noGrad(() => scope(() => visit.see(mean!.detach(), layer)))
          mean!.dispose()
        },
      }),
      ...(variant === 'plus' && { output: x => void classTokens.push(x.narrow(1, 0, numClasses)) }),
    })
    const classLogits = tokens.narrow(1, 0, numClasses).mean(-1)
    const patchMaps = head instanceof Linear ? undefined : this.responses(head, tokens, grid)
    const patchLogits =
      patchMaps === undefined
        ? undefined
        : variant === 'v2'
          ? averagePool(patchMaps)
          : rankingPool(patchMaps, { decay: this.decay })
    const evidence = this.unet && this.evidence(this.unet, images, tokens)
    return { classLogits, patchLogits, patchMaps, classTokens, evidence, grid }
  }

  /** The U-Net on the part of the images that the patches cover; the transformer learns nothing from it. */
  private evidence(unet: Unet, images: Tensor, tokens: Tensor): Tensor {
    return scope(() => {
      const grid = this.grid(images)
      const [patches, patch] = [grid.rows * grid.columns, this.patchEmbed.proj.stride]
      const covered = images.narrow(2, 0, grid.rows * patch).narrow(3, 0, grid.columns * patch)
      const fixed = tokens.detach()
      return unet.forward(covered, {
        classes: fixed.narrow(1, 0, this.numClasses),
        patches: fixed.narrow(1, this.numClasses, patches),
        grid,
      })
    })
  }
}
