/** @file The edge map of one image (semformer, core/affinitynet.py, get_edge). */
import { noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import type { EdgeNet } from './edge-network.ts'

/**
 * Edge probabilities [1, 1, ceil(H/stride), ceil(W/stride)] of image [1, 3, H, W], normalised: the mean logits of the image and
 * its flip. Both are filled with zeros, the mean colour, right and below, to `side` pixels at least: group normalisation sees
 * as much of it as in training crops of that side.
 */
export function imageEdges(network: EdgeNet, image: Tensor, { side }: { side: number }): Tensor {
  return noGrad(() =>
    scope(() => {
      const { stride } = network.backbone
      const [height, width] = [image.size(2), image.size(3)]
      const [rows, columns] = [Math.ceil(height / stride), Math.ceil(width / stride)]
      const both = ops.cat([image, image.flip(-1)], { dim: 0 })
      const filled = (length: number): number => Math.max(side, Math.ceil(length / stride) * stride) - length
      const logits = network.forward(ops.constantPadNd(both, [0, filled(width), 0, filled(height)]))
      const [own, mirrored] = [0, 1].map(i =>
        logits.narrow(0, i, 1).narrow(2, 0, rows).narrow(3, 0, columns).to({ dtype: 'float32' }),
      ) as [Tensor, Tensor]
      return ops.sigmoid(ops.divScalar_(own.add(mirrored.flip(-1)), 2))
    }),
  )
}
