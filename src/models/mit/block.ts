/** @file One block of a mix transformer. */
import { LayerNorm, Module, Residual } from '../../nn/index.ts'
import { scope, type Tensor } from '../../torch/index.ts'
import type { LogitFactors, PatchGrid } from '../vit/index.ts'
import { EfficientAttention, type EfficientAttentionOptions } from './attention.ts'
import { MixFfn } from './mix-ffn.ts'

export interface MitBlockOptions extends EfficientAttentionOptions {
  readonly mlpRatio: number
  readonly dropPath: number
}

export class MitBlock extends Module {
  readonly norm1: LayerNorm
  readonly attn: EfficientAttention
  readonly norm2: LayerNorm
  readonly mlp: MixFfn
  readonly residual: Residual

  constructor({ mlpRatio, dropPath, ...attention }: MitBlockOptions) {
    super()
    const { embedDim } = attention
    this.norm1 = new LayerNorm({ features: embedDim })
    this.attn = new EfficientAttention(attention)
    this.norm2 = new LayerNorm({ features: embedDim })
    this.mlp = new MixFfn({ embedDim, mlpRatio })
    this.residual = new Residual({ rate: dropPath })
  }

  /** x [B, h*w, D]: x + Attn(LN(x)), then + MLP(LN(x)). What autograd does not keep is freed on the way. */
  forward(
    x: Tensor,
    grid: PatchGrid,
    options: { withFactors?: boolean } = {},
  ): { tokens: Tensor; factors: LogitFactors | undefined } {
    const { tokens, factors } = scope(() => {
      const attended = scope(() => this.attn.forward(this.norm1.forward(x), grid, options))
      return { ...attended, tokens: this.residual.forward(x, attended.tokens) }
    })
    return scope(() => {
      const branch = scope(() => this.mlp.forward(tokens, grid, { norm: this.norm2 }))
      return { tokens: this.residual.forward(tokens, branch), factors }
    })
  }
}
