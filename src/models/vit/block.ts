/** @file One pre-norm transformer block. */
import { LayerNorm, Module, Residual } from '../../nn/index.ts'
import { noGrad, scope, type Tensor } from '../../torch/index.ts'
import { type Attended, Attention, type AttentionOptions } from './attention.ts'
import { Mlp } from './mlp.ts'

export interface BlockOptions {
  readonly embedDim: number
  readonly heads: number
  readonly mlpRatio: number
  readonly dropPath: number
  /** Of the layer norms. */
  readonly eps?: number
  /** Dropout of the attention weights, of the attention layer's output, and of both layers of the MLP. */
  readonly dropout?: number
}

export interface BlockForwardOptions extends Omit<AttentionOptions, 'norm'> {
  /** Sees the output [B, N, D] of the attention layer, before drop-path and the residual sum; not recorded. */
  readonly readBranch?: ((branch: Tensor) => void) | undefined
}

export class Block extends Module {
  readonly norm1: LayerNorm
  readonly attn: Attention
  readonly norm2: LayerNorm
  readonly mlp: Mlp
  readonly residual: Residual

  constructor({ embedDim, heads, mlpRatio, dropPath, eps = 1e-6, dropout = 0 }: BlockOptions) {
    super()
    this.norm1 = new LayerNorm({ features: embedDim, eps })
    this.attn = new Attention({ embedDim, heads, dropout })
    this.norm2 = new LayerNorm({ features: embedDim, eps })
    this.mlp = new Mlp({ embedDim, mlpRatio, dropout })
    this.residual = new Residual({ rate: dropPath })
  }

  /** x [B, N, D]: x + Attn(LN(x)), then + MLP(LN(x)). What autograd does not keep is freed on the way. */
  forward(x: Tensor, { readBranch, ...options }: BlockForwardOptions = {}): Attended {
    const attended = scope(() => {
      const { tokens, ...recorded } = scope(() => this.attn.forward(x, { ...options, norm: this.norm1 }))
      noGrad(() => readBranch?.(tokens))
      return { tokens: this.residual.forward(x, tokens), ...recorded }
    })
    return scope(() => {
      const branch = scope(() => this.mlp.forward(attended.tokens, { norm: this.norm2 }))
      return { ...attended, tokens: this.residual.forward(attended.tokens, branch) }
    })
  }
}

/** The blocks of a vision transformer; stochastic depth grows linearly from 0 to `dropPath`. */
export function blocks({ depth, dropPath, ...options }: BlockOptions & { readonly depth: number }): Block[] {
  return Array.from(
    { length: depth },
    (_, i) => new Block({ ...options, dropPath: depth === 1 ? 0 : (dropPath * i) / (depth - 1) }),
  )
}
