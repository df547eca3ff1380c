/** @file SemFormer's segmentation network: activation maps from patch tokens, class embeddings from class tokens (section 3.3; core/models/transformer_segmentor.py). */
import { type BlockVisitor, type PatchGrid, tokensOfBlocks, type VitOptions } from '../../models/vit/index.ts'
import { Dropout2d, Linear, Module, Parameter } from '../../nn/index.ts'
import { noGrad, scope, type Tensor } from '../../torch/index.ts'
import { GridBackbone } from './grid-backbone.ts'
import { SeparateLinear } from './separate-linear.ts'

export interface SemformerOptions extends VitOptions {
  /** Side of the training crop. */
  readonly imageSize: number
  /** With the background, which is class 0. */
  readonly numClasses: number
  /** Channels of a class embedding, as the autoencoder has them. */
  readonly classDim?: number
  /** Probability that a patch token does not reach the classifier. */
  readonly tokenDropout?: number
  /** Whether class embeddings have a ReLU, as the code and not the paper; negative similarities count as 0 without. */
  readonly embeddingRelu?: boolean
  /** Side of the images that the DeiT's own positions are for, which stay unused. */
  readonly resolution?: number
}

/** One pass of images [B, 3, H, W]; float32. */
export interface SemformerOutput {
  /** All tokens after the final norm, [B, K + h*w, D]. */
  readonly tokens: Tensor
  /** Class embeddings [B, K, E]. */
  readonly embeddings: Tensor
  /** Responses of the classifier [B, K, h, w]. */
  readonly logits: Tensor
}

class Segmentor extends Module {
  readonly clsToken: Parameter
  readonly clsPosembed: Parameter
  readonly backbone: GridBackbone
  readonly clsHead: SeparateLinear
  readonly segHead: { readonly 0: Dropout2d; readonly 1: Linear }

  constructor({
    numClasses,
    classDim = 256,
    tokenDropout = 0.5,
    resolution = 224,
    ...deit
  }: Omit<SemformerOptions, 'embeddingRelu'>) {
    super()
    const { embedDim } = deit
    const backbone = new GridBackbone({ ...deit, classTokenOf: resolution })
    this.clsToken = repeated(backbone.model.clsToken!, numClasses)
    this.clsPosembed = repeated(backbone.model.posEmbed!, numClasses)
    this.backbone = backbone
    this.clsHead = new SeparateLinear({ classes: numClasses, inFeatures: embedDim, outFeatures: classDim })
    this.segHead = {
      0: new Dropout2d({ rate: tokenDropout }), // of [B, N, D]: whole tokens
      1: new Linear({ inFeatures: embedDim, outFeatures: numClasses }),
    }
  }
}

/** The first of tokens [1, N, D] for each class. */
function repeated(tokens: Tensor, classes: number): Parameter {
  return new Parameter(
    noGrad(() => scope(() => tokens.detach().narrow(1, 0, 1).expand(1, classes, -1).contiguous())),
  )
}

export class Semformer extends Module {
  readonly segmentor: Segmentor
  readonly numClasses: number
  readonly embeddingRelu: boolean

  constructor({ embeddingRelu = true, ...options }: SemformerOptions) {
    super()
    this.numClasses = options.numClasses
    this.embeddingRelu = embeddingRelu
    this.segmentor = new Segmentor(options)
  }

  get backbone(): GridBackbone {
    return this.segmentor.backbone
  }

  grid(images: Tensor): PatchGrid {
    return this.backbone.grid(images)
  }

  /** images [B, 3, H, W], normalised; `keep` [B, h*w, 1] stands for the token dropout, with its values. */
  forward(images: Tensor, { keep }: { keep?: Tensor } = {}): SemformerOutput {
    return scope(() => {
      const tokens = this.tokens(images)
      const { clsHead } = this.segmentor
      const linear = clsHead.forward(tokens.narrow(1, 0, this.numClasses)).to({ dtype: 'float32' })
      return {
        tokens,
        embeddings: this.embeddingRelu ? linear.relu() : linear,
        logits: this.classify(tokens, images, keep),
      }
    })
  }

  /** Responses of the classifier alone [B, K, h, w]; a visitor sees the blocks on the way. */
  logits(images: Tensor, visitor?: BlockVisitor): Tensor {
    return scope(() => this.classify(this.tokens(images, visitor), images))
  }

  /** The class tokens out of each block [layers, B, K, D], without autograd. */
  classTokensOfBlocks(images: Tensor): Tensor {
    return tokensOfBlocks(this.numClasses, visitor => this.tokens(images, visitor))
  }

  private tokens(images: Tensor, visitor?: BlockVisitor): Tensor {
    const { clsToken: tokens, clsPosembed: positions, backbone } = this.segmentor
    return backbone.tokens(images, { outer: { tokens, positions }, ...(visitor && { visitor }) })
  }

  private classify(tokens: Tensor, images: Tensor, keep?: Tensor): Tensor {
    const { rows, columns } = this.grid(images)
    const { 0: drop, 1: linear } = this.segmentor.segHead
    const patches = tokens.narrow(1, this.numClasses, rows * columns)
    const kept = keep === undefined ? dropTokens(patches, drop) : patches.mul(keep)
    const logits = linear.forward(kept).to({ dtype: 'float32' }).transpose(1, 2)
    return logits.reshape(tokens.size(0), this.numClasses, rows, columns)
  }
}

/** Of [B, N, D], each token as a whole. */
function dropTokens(tokens: Tensor, drop: Dropout2d): Tensor {
  return drop.active ? drop.forward(tokens.unsqueeze(-1)).reshape(...tokens.shape) : tokens
}
