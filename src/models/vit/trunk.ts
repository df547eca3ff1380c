/** @file The trunk of a vision transformer: its blocks, on tokens that its owner has set up, seen by a visitor on the way. */
import { keep, noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import type { Attended, AttentionState } from './attention.ts'
import type { Block } from './block.ts'

/** Sees every block on the way; layers count from 0, tokens are class tokens first. */
export interface BlockVisitor {
  /** The layer's attention, as Attention passes it to its reader: not recorded, freed afterwards. */
  readonly attention?: ((state: AttentionState, layer: number) => void) | undefined
  /** Output [B, N, D] of the attention layer before the residual sum: not recorded, freed afterwards. */
  readonly branch?: ((branch: Tensor, layer: number) => void) | undefined
  /** What `records` asks for of a layer's attention, recorded: for a loss that reaches into it. Its visitor frees it. */
  readonly recorded?: ((attention: Omit<Attended, 'tokens'>, layer: number) => void) | undefined
  /** The softmaxed weights [B, heads, N, N], the factors of the logits, or the mean over the heads of the first so many rows. */
  readonly records?: ((layer: number) => Recorded | undefined) | undefined
  /** Output [B, N, D] of the whole block, recorded; the next block takes what is returned in its place, if anything. Freed after that block: views of it stay. */
  // biome-ignore lint/suspicious/noConfusingVoidType: most visitors only look
  readonly output?: ((tokens: Tensor, layer: number) => Tensor | void) | undefined
}

export type Recorded = 'weights' | 'factors' | { readonly meanRows: number }

/** Tokens [B, N, D] out of the last of `blocks`; with none of them, `tokens` itself. */
export function runBlocks(
  blocks: readonly Block[],
  tokens: Tensor,
  { attention, branch, recorded, records, output }: BlockVisitor = {},
): Tensor {
  let x = tokens
  for (const [layer, block] of blocks.entries()) {
    const asked = records?.(layer)
    const made = scope(() =>
      block.forward(x, {
        withWeights: asked === 'weights',
        withFactors: asked === 'factors',
        ...(typeof asked === 'object' && asked),
        read: attention && (state => attention(state, layer)),
        readBranch: branch && (attended => branch(attended, layer)),
      }),
    )
    if (asked !== undefined) recorded?.(made, layer)
    if (x !== tokens) x.dispose()
    x = output?.(made.tokens, layer) ?? made.tokens
    if (x !== made.tokens) made.tokens.dispose()
  }
  return x
}

/** The first `count` tokens out of each block [layers, B, count, D], in float32; `pass` runs the blocks with the visitor. */
export function tokensOfBlocks(count: number, pass: (visitor: BlockVisitor) => unknown): Tensor {
  return noGrad(() =>
    scope(() => {
      const layers: Tensor[] = []
      pass({ output: tokens => void layers.push(keep(tokens.narrow(1, 0, count))) }) // `pass` has scopes of its own
      const made = ops.stack(layers).to({ dtype: 'float32' })
      for (const layer of layers) layer.dispose()
      return made
    }),
  )
}
