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
  probabilities(image: Tensor, look: Look): Probabilities {
    const [height, width] = image.shape.slice(-2) as [number, number]
    const spread = (logits: Tensor): Tensor =>
      ops.upsampleBilinear2d(logits, [height, width], false).softmax(1).select(0, 0)
    return noGrad(() =>
      scope(() => {
        const logits = this.network.forward(image).segLogits
        return { single: spread(logits), multi: spread(multiScaleLogits(this.network, image, look)) }
      }),
    )
  }
}

/**
 * Logits [1, labels, h, w] of an image [1, 3, H, W]: at each scale the mean over image and flip, resized to those of the image
 * itself; over scales the largest, as published, or the mean.
 */
export function multiScaleLogits(
  network: Afa,
  image: Tensor,
  { scales, flip, combine, alignCorners }: Pick<Look, 'scales' | 'flip' | 'combine' | 'alignCorners'>,
): Tensor {
  const [height, width] = image.shape.slice(-2) as [number, number]
  const size = network.headSize(image)
  return noGrad(() =>
    scope(() => {
      const views = scales.map(scale =>
        scope(() => {
          const resized = [height, width].map(side => Math.max(1, Math.floor(side * scale)))
          const factors = alignCorners ? {} : { scalesH: scale, scalesW: scale }
          const view = scale === 1 ? image : ops.upsampleBilinear2d(image, resized, alignCorners, factors)
          const logits = network.forward(flip ? ops.cat([view, view.flip(-1)]) : view).segLogits
          const mean = flip
            ? logits
                .narrow(0, 0, 1)
                .add(logits.narrow(0, 1, 1).flip(-1))
                .div(2)
            : logits
          return mean.shape.slice(-2).join() === size.join()
            ? mean
            : ops.upsampleBilinear2d(mean, size, false)
        }),
      )
      const joined = ops.cat(views)
      return combine === 'max'
        ? ops.amax(joined, { dim: [0], keepdim: true })
        : joined.mean(0, { keepdim: true })
    }),
  )
}
