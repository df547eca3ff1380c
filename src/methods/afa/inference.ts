/** @file AFA's own labels of an image: its segmentation head at several scales with flips (scripts/test_msc_flip.py). */
import type { LabelNetwork, LabelNetworkShape, Look, Probabilities } from '../../models/label-network.ts'
import { Module, type Parameter } from '../../nn/index.ts'
import { noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import type { Afa } from './model.ts'

/** The network as what labels an image; it shares all weights and names. */
export class AfaLabeller extends Module implements LabelNetwork {
  readonly network: Afa
  readonly labels: number
  readonly shape: LabelNetworkShape

  constructor(network: Afa, { memory }: Pick<LabelNetworkShape, 'memory'>) {
    super()
    this.network = network
    this.labels = network.decoder.linearPred.weight.size(0)
    this.shape = { windows: false, memory }
  }

  override parameters(): Map<string, Parameter> {
    return this.network.parameters()
  }

  override stateDict(): Map<string, Tensor> {
    return this.network.stateDict()
  }

  /** Call in eval mode. */
  probabilities(images: Tensor, look: Look): Probabilities {
    const spread = (logits: Tensor): Tensor =>
      ops.upsampleBilinear2d(logits, images.shape.slice(-2), false).softmax(1)
    return noGrad(() =>
      scope(() => {
        const { single, multi } = segmentationLogits(this.network, images, look)
        return { single: spread(single), multi: spread(multi) }
      }),
    )
  }
}

export interface SegmentationLogits {
  /** Of the images alone [B, 1 + C, h, w]. */
  readonly single: Tensor
  /** At each scale the mean of image and flip, at the size of `single`; over scales the largest, as published, or the mean. */
  readonly multi: Tensor
}

/** images [B, 3, H, W], normalised. Call in eval mode. */
export function segmentationLogits(
  network: Afa,
  images: Tensor,
  {
    scales = [1, 0.5, 0.75],
    flip = true,
    combine = 'max',
    alignCorners = false,
  }: Partial<Pick<Look, 'scales' | 'flip' | 'combine' | 'alignCorners'>> = {},
): SegmentationLogits {
  return noGrad(() =>
    scope(() => {
      const [batch, , height, width] = images.shape as [number, number, number, number]
      const look = (view: Tensor): Tensor =>
        network.forward(flip ? ops.cat([view, view.flip(-1)]) : view).segLogits
      const together = (logits: Tensor): Tensor =>
        flip
          ? logits
              .narrow(0, 0, batch)
              .add(logits.narrow(0, batch, batch).flip(-1))
              .div(2)
          : logits
      const full = look(images)
      const size = full.shape.slice(2)
      const at = (scale: number): Tensor => {
        if (scale === 1) return together(full)
        return scope(() => {
          // scaled by the factor itself, as PyTorch does where it is given one, though the size is cut to whole pixels
          const factor = alignCorners ? {} : { scalesH: scale, scalesW: scale }
          const to = [height, width].map(side => Math.max(1, Math.floor(side * scale)))
          const logits = look(ops.upsampleBilinear2d(images, to, alignCorners, factor))
          return together(ops.upsampleBilinear2d(logits, size, false))
        })
      }
      const [first, ...others] = scales.map(at)
      const join = (all: Tensor, logits: Tensor): Tensor =>
        combine === 'max' ? ops.maximum(all, logits) : all.add(logits)
      const all = others.reduce(join, first!)
      return {
        single: full.narrow(0, 0, batch).clone(),
        multi: combine === 'max' ? all : all.div(scales.length),
      }
    }),
  )
}
