/** @file IRN's edge network (Ahn et al. 2019): how likely an edge runs through each position, from a frozen backbone (semformer, core/affinitynet.py). */
import { DenseNetwork } from '../../models/dense-backbone.ts'
import { Conv2d, GroupNorm, Module } from '../../nn/index.ts'
import type { ParameterGroup } from '../../optim/index.ts'
import { noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import type { PairGrid } from '../affinity/pairs.ts'
import type { EdgeBackbone } from './edge-backbone.ts'

/** Channels that each level is reduced to, and the groups of their normalisation. */
const REDUCED = 32
const GROUPS = 4

type Reduction = readonly [Conv2d, GroupNorm]

/** 1 x 1 convolutions: each level reduced, enlarged and all joined. Names fc_edge1.., fc_edge6 as published. */
export class EdgeHead extends Module {
  readonly fcEdge6: Conv2d
  readonly #reductions: readonly Reduction[]
  readonly #backbone: Pick<EdgeBackbone, 'levels' | 'stride' | 'alignCorners'>

  constructor(backbone: Pick<EdgeBackbone, 'levels' | 'stride' | 'alignCorners'>) {
    super()
    this.#backbone = backbone
    this.#reductions = backbone.levels.map(({ channels }) => [
      new Conv2d({ inChannels: channels, outChannels: REDUCED, kernel: 1, bias: false }),
      new GroupNorm({ groups: GROUPS, features: REDUCED }),
    ])
    for (const [i, reduction] of this.#reductions.entries())
      Object.assign(this, { [`fcEdge${i + 1}`]: reduction })
    this.fcEdge6 = new Conv2d({ inChannels: REDUCED * backbone.levels.length, outChannels: 1, kernel: 1 })
  }

  /** Maps of the levels -> logits [B, 1, rows, columns] */
  forward(maps: readonly Tensor[], grid: PairGrid): Tensor {
    const { levels, stride } = this.#backbone
    return scope(() => {
      const reduced = maps.map((map, i) =>
        this.#reduced(map, this.#reductions[i]!, { grid, factor: levels[i]!.stride / stride }),
      )
      return this.fcEdge6.forward(ops.cat(reduced, { dim: 1 }))
    })
  }

  #reduced(
    map: Tensor,
    [convolution, norm]: Reduction,
    { grid: { rows, columns }, factor }: { grid: PairGrid; factor: number },
  ): Tensor {
    return scope(() => {
      const small = norm.forward(convolution.forward(map))
      if (factor === 1) return small.relu()
      const size = [small.size(2) * factor, small.size(3) * factor]
      const large = ops.upsampleBilinear2d(small, size, this.#backbone.alignCorners)
      return large.narrow(2, 0, rows).narrow(3, 0, columns).relu()
    })
  }
}

export class EdgeNet extends DenseNetwork<EdgeHead, EdgeBackbone> {
  constructor(backbone: EdgeBackbone) {
    super({ backbone, head: new EdgeHead(backbone) })
    backbone.network.freeze()
  }

  /** images [B, 3, H, W], normalised -> logits of edges [B, 1, ceil(H/stride), ceil(W/stride)] */
  forward(images: Tensor): Tensor {
    return scope(() => {
      const { stride } = this.backbone
      const maps = noGrad(() => this.backbone.forward(images))
      const [rows, columns] = [Math.ceil(images.size(2) / stride), Math.ceil(images.size(3) / stride)]
      return this.head.forward(maps, { rows, columns })
    })
  }

  /** The backbone stays in eval mode. */
  override train(on = true): this {
    super.train(on)
    this.backbone.network.eval()
    return this
  }
}

/** All weights of the head in one group, as published: norms and biases decay too. */
export function edgeGroups(
  { head }: EdgeNet,
  { weightDecay, lrScale }: { weightDecay: number; lrScale: number },
): ParameterGroup[] {
  return [{ parameters: head.parameters(), weightDecay, lrScale }]
}
