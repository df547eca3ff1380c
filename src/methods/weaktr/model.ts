/** @file WeakTr's network (Zhu et al., 2023): one class token per class, and a weight for every attention head. */
import { type AttentionState, type ClassTokenOptions, ClassTokenTransformer } from '../../models/vit/index.ts'
import { Conv2d } from '../../nn/index.ts'
import { noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import { addAttention, emptySummary, fuseHeads } from './attention-summary.ts'
import { AdaptiveAttentionFusion, type HeadFusionOptions } from './fusion.ts'

export interface WeaktrOptions extends ClassTokenOptions {
  readonly fusion?: HeadFusionOptions
}

/** The outputs for a batch; logits are [B, C]. */
export interface WeaktrOutput {
  /** Mean over the channels of each class token. */
  readonly classLogits: Tensor
  /** Mean over the image of the head's responses. */
  readonly coarseLogits: Tensor
  /** Mean over the image of the fine map, the coarse map times the fused attention spread along it: never negative. */
  readonly fineLogits: Tensor
  /** The convolutional head's responses F [B, C, h, w], before ReLU. */
  readonly responses: Tensor
  /** Class-to-patch attention [B, C, h, w], all heads fused. */
  readonly attended: Tensor
  /** Weights of the heads [B, heads * depth], at head * depth + layer. */
  readonly headWeights: Tensor
}

/** Called with each layer's attention, class tokens first, unrecorded; it is freed afterwards. */
export type WeaktrVisitor = (state: AttentionState, layer: number) => void

export class Weaktr extends ClassTokenTransformer {
  readonly head: Conv2d
  /** Undefined for mean-sum. */
  readonly adaptiveAttentionFusion: AdaptiveAttentionFusion | undefined
  readonly heads: number

  constructor({ fusion = { kind: 'aaf' }, ...vit }: WeaktrOptions) {
    super(vit)
    const { embedDim, numClasses, heads } = vit
    this.heads = heads
    this.head = new Conv2d({ inChannels: embedDim, outChannels: numClasses, kernel: 3, padding: 1 })
    this.adaptiveAttentionFusion =
      fusion.kind === 'mean-sum' ? undefined : new AdaptiveAttentionFusion(fusion, vit)
  }

  /**
   * images [B, 3, H, W], normalised. All that the fusion reads is detached, so that the fine logits train nothing but
   * the fusion (models.py, forward).
   */
  forward(images: Tensor, visit?: WeaktrVisitor): WeaktrOutput {
    const { numClasses, adaptiveAttentionFusion: fusion, heads, blocks } = this
    const grid = this.grid(images)
    const [batch, depth, { device }] = [images.size(0), blocks.length, images]
    const patches = grid.rows * grid.columns
    const summary = emptySummary({ batch, heads, depth, classes: numClasses, patches, device })
    const features = fusion && ops.empty([batch, heads, depth, fusion.features], { device })
    const pool = (x: Tensor, layer: number): void =>
      scope(() => noGrad(() => void ops.copy_(features!.select(2, layer), fusion!.poolHeads(x))))
    const tokens = this.tokens(images, {
      attention: (state, layer) => {
        addAttention(summary, state.weights, layer)
        if (fusion?.generation === 'v1') pool(state.weights, layer)
        visit?.(state, layer)
      },
      ...(fusion?.generation === 'v2' && { output: pool }),
      ...(fusion?.generation === 'v3' && { branch: pool }),
    })
    const responses = this.responses(this.head, tokens, grid)
    // mean-sum: the mean over the heads of a layer, summed over layers
    const headWeights = features
      ? fusion!.forward(features)
      : ops.full([batch, heads * depth], depth, { device })
    const attended = fuseHeads(summary.classToPatch, headWeights) // [B, C, h*w]
    return {
      classLogits: tokens.narrow(1, 0, numClasses).mean(-1),
      coarseLogits: responses.mean([2, 3]),
      fineLogits: scope(() => {
        const coarse = responses.detach().relu().reshape(batch, numClasses, patches)
        const spread = fuseHeads(summary.patchMean, headWeights).unsqueeze(1) // [B, 1, h*w]
        return coarse.mul(attended).mul(spread).sum(-1)
      }),
      responses,
      attended: attended.reshape(batch, numClasses, grid.rows, grid.columns),
      headWeights,
    }
  }
}
