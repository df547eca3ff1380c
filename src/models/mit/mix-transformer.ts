/** @file SegFormer's encoder (Xie et al. 2021): four stages of maps, no position embedding, so any size of image. */
import { LayerNorm, Module } from '../../nn/index.ts'
import { scope, type Tensor } from '../../torch/index.ts'
import type { LogitFactors } from '../vit/index.ts'
import { MitBlock } from './block.ts'
import { OverlapPatchEmbed } from './patch-embed.ts'
import type { MitOptions, Stages } from './sizes.ts'
import { asMap } from './token-map.ts'

export interface MitOutput {
  /** After the norm of each stage [B, C, h, w]: views whose channels lie side by side. */
  readonly maps: Stages<Tensor>
  /** Of the blocks asked for, in the order of the blocks. */
  readonly factors: readonly LogitFactors[]
}

interface Stage {
  readonly embed: OverlapPatchEmbed
  readonly blocks: readonly MitBlock[]
  readonly norm: LayerNorm
}

export class MixTransformer extends Module {
  readonly patchEmbed1: OverlapPatchEmbed
  readonly patchEmbed2: OverlapPatchEmbed
  readonly patchEmbed3: OverlapPatchEmbed
  readonly patchEmbed4: OverlapPatchEmbed
  readonly block1: MitBlock[]
  readonly norm1: LayerNorm
  readonly block2: MitBlock[]
  readonly norm2: LayerNorm
  readonly block3: MitBlock[]
  readonly norm3: LayerNorm
  readonly block4: MitBlock[]
  readonly norm4: LayerNorm
  readonly options: MitOptions

  constructor(options: MitOptions) {
    super()
    this.options = options
    const norm = (stage: number): LayerNorm => new LayerNorm({ features: options.embedDims[stage]! })
    this.patchEmbed1 = patchEmbed(options, 0)
    this.patchEmbed2 = patchEmbed(options, 1)
    this.patchEmbed3 = patchEmbed(options, 2)
    this.patchEmbed4 = patchEmbed(options, 3)
    this.block1 = blocks(options, 0)
    this.norm1 = norm(0)
    this.block2 = blocks(options, 1)
    this.norm2 = norm(1)
    this.block3 = blocks(options, 2)
    this.norm3 = norm(2)
    this.block4 = blocks(options, 3)
    this.norm4 = norm(3)
  }

  /** Blocks of all stages. */
  get depth(): number {
    return sum(this.options.depths)
  }

  private get stages(): Stages<Stage> {
    return [
      { embed: this.patchEmbed1, blocks: this.block1, norm: this.norm1 },
      { embed: this.patchEmbed2, blocks: this.block2, norm: this.norm2 },
      { embed: this.patchEmbed3, blocks: this.block3, norm: this.norm3 },
      { embed: this.patchEmbed4, blocks: this.block4, norm: this.norm4 },
    ]
  }

  /** images [B, 3, H, W], normalised; maps have ceil(side / stride). `factorsOf`: blocks, counted over all stages from 0. */
  forward(images: Tensor, { factorsOf = [] }: { factorsOf?: readonly number[] } = {}): MitOutput {
    return scope(() => {
      const factors: LogitFactors[] = []
      let count = 0
      let map = images
      const stage = ({ embed, blocks, norm }: Stage): Tensor => {
        const { tokens, grid } = scope(() => embed.forward(map))
        let x = tokens
        for (const block of blocks) {
          const made = scope(() => block.forward(x, grid, { withFactors: factorsOf.includes(count) }))
          x.dispose()
          x = made.tokens
          if (made.factors !== undefined) factors.push(made.factors)
          count++
        }
        map = asMap(norm.forward(x), grid)
        x.dispose()
        return map
      }
      const [first, second, third, fourth] = this.stages
      return { maps: [stage(first), stage(second), stage(third), stage(fourth)] as const, factors }
    })
  }
}

function patchEmbed({ embedDims, strides }: MitOptions, stage: number): OverlapPatchEmbed {
  return new OverlapPatchEmbed({
    inChannels: stage === 0 ? 3 : embedDims[stage - 1]!,
    embedDim: embedDims[stage]!,
    kernel: stage === 0 ? 7 : 3,
    stride: strides[stage]!,
  })
}

function blocks(
  { embedDims, depths, heads, mlpRatios, srRatios, dropPath }: MitOptions,
  stage: number,
): MitBlock[] {
  const [before, all] = [sum(depths.slice(0, stage)), sum(depths)]
  return Array.from(
    { length: depths[stage]! },
    (_, i) =>
      new MitBlock({
        embedDim: embedDims[stage]!,
        heads: heads[stage]!,
        mlpRatio: mlpRatios[stage]!,
        srRatio: srRatios[stage]!,
        dropPath: all === 1 ? 0 : (dropPath * (before + i)) / (all - 1),
      }),
  )
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
