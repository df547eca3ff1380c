/** @file The mask transformer (Strudel et al., ICCV 2021): class embeddings attend to the patches, and their cosines are the masks. */
import { LayerNorm, Linear, Module, Parameter, truncatedNormal } from '../../nn/index.ts'
import { differentiable, isRecording, noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import { type Block, blocks, type PatchGrid } from '../vit/index.ts'

export interface MaskTransformerOptions {
  /** Background included. */
  readonly labels: number
  /** Channels of the encoder's tokens, and of the decoder. */
  readonly embedDim: number
  readonly heads: number
  readonly depth?: number
  readonly mlpRatio?: number
  readonly dropout?: number
}

/** Logits of each label at each patch [B, labels, h, w]. */
export interface Masks {
  readonly last: Tensor
  /** From the tokens before the last block, through the same norms and projections; only with `withEarly`. */
  readonly early: Tensor | undefined
}

const EPS = 1e-5 // torch.nn.LayerNorm's own

export class MaskTransformer extends Module {
  readonly clsEmb: Parameter
  readonly projPatch: Parameter
  readonly projClasses: Parameter
  readonly blocks: Block[]
  readonly projDec: Linear
  readonly decoderNorm: LayerNorm
  /** Over the labels, not over channels. */
  readonly maskNorm: LayerNorm

  constructor({ labels, embedDim, heads, depth = 2, mlpRatio = 4, dropout = 0.1 }: MaskTransformerOptions) {
    super()
    this.clsEmb = new Parameter(truncatedNormal([1, labels, embedDim]))
    this.projPatch = new Parameter(scaledNormal(embedDim))
    this.projClasses = new Parameter(scaledNormal(embedDim))
    this.blocks = blocks({ embedDim, heads, mlpRatio, depth, dropout, dropPath: 0, eps: EPS })
    this.projDec = new Linear({ inFeatures: embedDim, outFeatures: embedDim, init: truncatedNormal })
    this.decoderNorm = new LayerNorm({ features: embedDim, eps: EPS })
    this.maskNorm = new LayerNorm({ features: labels, eps: EPS })
  }

  /** patches: the encoder's tokens without its class token [B, h*w, D] (segm/model/decoder.py). */
  forward(patches: Tensor, grid: PatchGrid, { withEarly = false } = {}): Masks {
    return scope(() => {
      const classes = this.clsEmb.expand(patches.size(0), -1, -1)
      let x = scope(() => {
        const projected = this.projDec.forward(patches).to({ dtype: 'float32' }) // under autocast too: sums stay exact
        return ops.cat([projected, classes], { dim: 1 }) // [B, h*w + labels, D]
      })
      let early: Tensor | undefined
      for (const block of this.blocks) {
        if (withEarly && block === this.blocks.at(-1)) early = this.masks(x, grid)
        const { tokens } = scope(() => block.forward(x))
        x.dispose()
        x = tokens
      }
      return { last: this.masks(x, grid), early }
    })
  }

  /** Cosines of patches and classes, normalised over the labels. tokens [B, h*w + labels, D] -> [B, labels, h, w] */
  private masks(tokens: Tensor, { rows, columns }: PatchGrid): Tensor {
    return scope(() => {
      const [batch, labels] = [tokens.size(0), this.clsEmb.size(1)]
      const normalised = this.decoderNorm.forward(tokens)
      const patches = unit(normalised.narrow(1, 0, rows * columns).matmul(this.projPatch))
      const classes = unit(normalised.narrow(1, rows * columns, labels).matmul(this.projClasses))
      return this.maskNorm
        .forward(cosines(patches, classes))
        .transpose(1, 2)
        .reshape(batch, labels, rows, columns)
    })
  }
}

/** Products of unit rows [B, n, D] and [B, labels, D]: [B, n, labels], in float32 under autocast too, as the norm that follows amplifies. */
function cosines(patches: Tensor, classes: Tensor): Tensor {
  if (patches.device !== 'cpu') return patches.matmul(classes.transpose(1, 2)).to({ dtype: 'float32' })
  // operators that write into a given tensor are left alone by autocast, and by autograd
  const product = (a: Tensor, b: Tensor): Tensor =>
    ops.bmmOut(a, b, ops.empty([a.size(0), a.size(1), b.size(2)]))
  const forward = (): Tensor => product(patches, classes.transpose(1, 2))
  if (!isRecording()) return forward()
  return differentiable(
    'cosines',
    [patches, classes],
    () => ({ outputs: [forward()], saved: [patches, classes] }),
    ([gradient], [p, c]) => [product(gradient!, c!), product(gradient!.transpose(1, 2), p!)],
  )[0]!
}

/** Each row of length 1, in float32. x [B, n, D] */
function unit(x: Tensor): Tensor {
  const full = x.to({ dtype: 'float32' })
  return full.div(ops.linalgVectorNorm(full, { dim: [-1], keepdim: true }))
}

/** Normal(0, 1/D) [D, D]: a random projection that keeps lengths. */
function scaledNormal(width: number): Tensor {
  return noGrad(() => ops.mulScalar_(ops.randn([width, width]), width ** -0.5))
}
