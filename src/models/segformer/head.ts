/** @file SegFormer's head: the stage maps reduced to one width, joined at the first one's size, and classified. */
import { BatchNorm2d, Conv2d, Dropout2d, kaimingNormal, Linear, Module } from '../../nn/index.ts'
import { isRecording, ops, scope, type Tensor } from '../../torch/index.ts'
import { asMap, asTokens, gridOf, type Stages } from '../mit/index.ts'

export interface SegformerHeadOptions {
  /** Of the stage maps. */
  readonly channels: Stages<number>
  /** Labels, background included. */
  readonly labels: number
  readonly embedDim?: number
  readonly dropout?: number
}

/** Parameter names of the published head; `linear_fuse` is mmcv's ConvModule. */
export class SegformerHead extends Module {
  readonly linearC4: { readonly proj: Linear }
  readonly linearC3: { readonly proj: Linear }
  readonly linearC2: { readonly proj: Linear }
  readonly linearC1: { readonly proj: Linear }
  readonly linearFuse: { readonly conv: Conv2d; readonly bn: BatchNorm2d }
  readonly linearPred: Conv2d
  readonly dropout: Dropout2d

  constructor({ channels, labels, embedDim = 256, dropout = 0.1 }: SegformerHeadOptions) {
    super()
    const reduced = (stage: number): { proj: Linear } => ({
      proj: new Linear({ inFeatures: channels[stage]!, outFeatures: embedDim }),
    })
    this.linearC4 = reduced(3)
    this.linearC3 = reduced(2)
    this.linearC2 = reduced(1)
    this.linearC1 = reduced(0)
    this.linearFuse = {
      conv: new Conv2d({
        inChannels: 4 * embedDim,
        outChannels: embedDim,
        kernel: 1,
        bias: false,
        init: shape => kaimingNormal(shape, { fan: 'out' }),
      }),
      bn: new BatchNorm2d({ features: embedDim }),
    }
    this.linearPred = new Conv2d({ inChannels: embedDim, outChannels: labels, kernel: 1 })
    this.dropout = new Dropout2d({ rate: dropout })
  }

  /** Stage maps [B, C, h, w], the first the largest -> logits [B, labels, h1, w1] */
  forward(maps: Stages<Tensor>): Tensor {
    return scope(() => {
      const normalised = scope(() => this.linearFuse.bn.forward(this.fused(maps)))
      return this.linearPred.forward(this.dropout.forward(ops.relu_(normalised)))
    })
  }

  /** Lets the running statistics of the batch norm see the maps, as a forward pass in training does, and nothing else. */
  observe(maps: Stages<Tensor>): void {
    scope(() => this.linearFuse.bn.observe(this.fused(maps)))
  }

  /**
   * fuse(join(spread(reduce(map)))) of all maps, before the norm [B, D, h1, w1]. All of it is linear, and spreading keeps
   * sums over channels: each map goes through the product of both matrices at its own size and is spread afterwards, for a
   * seventh of the multiplications of the original order, without a map of 4 D channels.
   */
  private fused([first, second, third, fourth]: Stages<Tensor>): Tensor {
    const { weight } = this.linearFuse.conv
    const size = first.shape.slice(2)
    const width = weight.size(0)
    const through = (map: Tensor, { proj }: { proj: Linear }, place: number): Tensor =>
      scope(() => {
        const fuse = weight.reshape(width, -1).narrow(1, place * width, width)
        const bias = ops.mv(fuse, proj.bias!)
        return asMap(ops.linear(asTokens(map), ops.mm(fuse, proj.weight), { bias }), gridOf(map))
      })
    const spread = (map: Tensor): Tensor =>
      map.shape.slice(2).join() === size.join() ? map : ops.upsampleBilinear2d(map, size, false)
    // [c4, c3, c2, c1] is the order of the published join
    const [c4, c3] = [through(fourth, this.linearC4, 0), through(third, this.linearC3, 1)]
    const deep = c4.shape.join() === c3.shape.join() ? [c4.add(c3)] : [c4, c3]
    const smaller = [...deep, through(second, this.linearC2, 2)]
    let sum = through(first, this.linearC1, 3)
    for (const map of smaller) {
      const next = scope(() => (isRecording() ? sum.add(spread(map)) : ops.add_(sum, spread(map))))
      if (next !== sum) sum.dispose()
      sum = next
    }
    return sum
  }
}
