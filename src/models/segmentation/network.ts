/** @file A segmentation network: a dense backbone and a head, under the names of both. */
import { scope, type Tensor } from '../../torch/index.ts'
import { type DenseBackbone, DenseNetwork } from '../dense-backbone.ts'
import type { SegmentationHead } from './head.ts'

export class SegmentationNetwork extends DenseNetwork<SegmentationHead> {
  /** images [B, 3, H, W], normalised -> logits [B, labels, ceil(H/stride), ceil(W/stride)] in float32 */
  forward(images: Tensor): Tensor {
    return scope(() => this.head.forward(this.backbone.forward(images)).to({ dtype: 'float32' }))
  }
}

/** Builds the network from its parts; `head` gets the channels of the backbone's levels. */
export function segmentationNetwork(
  backbone: DenseBackbone,
  head: (channels: readonly number[]) => SegmentationHead,
): SegmentationNetwork {
  return new SegmentationNetwork({ backbone, head: head(backbone.channels) })
}
