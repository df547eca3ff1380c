/** @file MCTformerV2_CTI (Yoon et al., CVPR 2024): class tokens and a background token out of one learned token (networks/mctformer.py). */
import {
  type BlockVisitor,
  type ClassTokenOptions,
  ClassTokenTransformer,
  runBlocks,
} from '../../models/vit/index.ts'
import { Conv2d, Linear, Parameter } from '../../nn/index.ts'
import { ops, scope, type Tensor } from '../../torch/index.ts'
import type { AttentionSums } from './attention-sums.ts'

const HIDDEN = 5 // width of the tokenizer's hidden layer over that of a token

/** Of a batch, without the background. */
export interface CtiLogits {
  /** Mean over the channels of each class token [B, C]. */
  readonly classLogits: Tensor
  /** Mean over the patches of the responses [B, C]. */
  readonly patchLogits: Tensor
}

export interface CtiOutput extends CtiLogits {
  /** Responses F [B, 1 + C, h, w] before the ReLU, the background first. */
  readonly patchMaps: Tensor
}

export interface PassOptions {
  /** Blocks [from, to), counted from 0. */
  readonly from?: number
  readonly to?: number
  readonly sums?: AttentionSums
  /** Layers are counted from 0 in the whole network. */
  readonly output?: BlockVisitor['output']
}

/** All names and shapes are the published ones. `numClasses` of the network counts the background, which is token 0. */
export class Cti extends ClassTokenTransformer {
  readonly bgToken: Parameter
  /** To 1 + C maps. */
  readonly head: Conv2d
  /** A layer, a ReLU and a layer: from the learned token to all class tokens. */
  readonly tokenizer: Readonly<Record<0 | 2, Linear>>

  /** `numClasses` without the background. */
  constructor({ numClasses, ...vit }: ClassTokenOptions) {
    const labels = numClasses + 1
    super({ ...vit, numClasses: labels }, { unusedSize: vit.imageSize, learned: 1 })
    const { embedDim } = vit
    this.bgToken = new Parameter(ops.zeros([1, 1, embedDim]))
    this.head = new Conv2d({ inChannels: embedDim, outChannels: labels, kernel: 3, padding: 1 })
    this.tokenizer = {
      0: new Linear({ inFeatures: embedDim, outFeatures: HIDDEN * embedDim }),
      2: new Linear({ inFeatures: HIDDEN * embedDim, outFeatures: labels * embedDim }),
    }
  }

  /** The same for all images. */
  protected override classTokens(): Tensor {
    return scope(() => {
      const { clsToken, bgToken, tokenizer, numClasses } = this
      const made = tokenizer[2].forward(tokenizer[0].forward(clsToken).relu()).reshape(1, numClasses, -1)
      const shared = clsToken.expand(1, numClasses - 1, -1)
      return made.add(ops.cat([bgToken, shared], { dim: 1 }))
    })
  }

  override embed(images: Tensor): Tensor {
    return super.embed(images)
  }

  /** Tokens [B, 1 + C + h*w, D] after some of the blocks. */
  pass(tokens: Tensor, { from = 0, to = this.blocks.length, sums, output }: PassOptions = {}): Tensor {
    return runBlocks(this.blocks.slice(from, to), tokens, {
      ...(output && { output: (made, layer) => output(made, from + layer) }),
      ...(sums && {
        records: layer => sums.records(from + layer, tokens.size(1)),
        recorded: ({ mean }, layer) => sums.add(mean!, from + layer),
      }),
    })
  }

  /** The class tokens among `tokens`, the background first: [B, 1 + C, D], a view. */
  classTokensOf(tokens: Tensor): Tensor {
    return tokens.narrow(1, 0, this.numClasses)
  }

  /** From the tokens out of the last block, of images [B, 3, H, W]. The final norm is not applied, as published. */
  outputs(tokens: Tensor, images: Tensor): CtiOutput {
    return scope(() => {
      const classes = this.numClasses - 1
      const patchMaps = this.responses(this.head, tokens, this.grid(images))
      return {
        classLogits: tokens.narrow(1, 1, classes).mean(-1),
        patchLogits: patchMaps.narrow(1, 1, classes).mean([2, 3]),
        patchMaps,
      }
    })
  }

  /** images [B, 3, H, W], normalised. Sides that are no multiple of the patch lose their remainder. */
  forward(images: Tensor, options: Pick<PassOptions, 'sums' | 'output'> = {}): CtiOutput {
    const embedded = this.embed(images)
    const last = this.pass(embedded, options)
    const outputs = this.outputs(last, images)
    for (const used of [embedded, last]) used.dispose() // a scope would free the sums too
    return outputs
  }
}
