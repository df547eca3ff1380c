/** @file A segmentation network: a dense backbone and a head, under the names of both. */
import { decayGroups, type ParameterGroup } from '../../optim/index.ts'
import { scope, type Tensor } from '../../torch/index.ts'
import { type DenseBackbone, DenseNetwork } from '../dense-backbone.ts'
import { denseMemory } from '../encoder-memory.ts'
import type {
  LabelGroupOptions,
  LabelNetworkShape,
  Look,
  Probabilities,
  TrainableLabelNetwork,
} from '../label-network.ts'
import { noDecay } from '../vit/index.ts'
import type { SegmentationHead } from './head.ts'
import { labelProbabilities } from './inference.ts'

export class SegmentationNetwork extends DenseNetwork<SegmentationHead> implements TrainableLabelNetwork {
  get labels(): number {
    return this.head.labels
  }

  get shape(): LabelNetworkShape {
    return { windows: false, memory: look => denseMemory(this.backbone.transformer, look).bytes }
  }

  /** images [B, 3, H, W], normalised -> logits [B, labels, ceil(H/stride), ceil(W/stride)] in float32 */
  forward(images: Tensor): Tensor {
    const { backbone, head } = this
    return scope(() => {
      const spread = (map: Tensor): Tensor => backbone.spread(map, images)
      return head.forward(backbone.levels(images), spread).to({ dtype: 'float32' })
    })
  }

  probabilities(images: Tensor, look: Look): Probabilities {
    return labelProbabilities(this, images, look)
  }

  /** With SGD as published: one group for the backbone, one for the head. */
  parameterGroups({ kind, weightDecay, headFactor }: LabelGroupOptions): ParameterGroup[] {
    const { backbone, head } = this
    const faster = (group: ParameterGroup): ParameterGroup => ({
      ...group,
      lrScale: (group.lrScale ?? 1) * headFactor,
    })
    if (kind === 'sgd')
      return [
        { parameters: backbone.network.parameters(), weightDecay },
        faster({ parameters: head.parameters(), weightDecay }),
      ]
    const options = { weightDecay, noDecay }
    return [...decayGroups(backbone.network, options), ...decayGroups(head, options).map(faster)]
  }
}

/** Builds the network from its parts; `head` gets the channels of the backbone's levels. */
export function segmentationNetwork(
  backbone: DenseBackbone,
  head: (channels: readonly number[]) => SegmentationHead,
): SegmentationNetwork {
  return new SegmentationNetwork({ backbone, head: head(backbone.channels) })
}
