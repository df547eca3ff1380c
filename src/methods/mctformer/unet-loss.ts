/** @file The loss of the U-Net: the tags, and the positions where the transformer's CAMs are sure (docs/adr/0003-unet.md). */
import { segmentationLoss } from '../../models/segmentation/index.ts'
import { sureBatchLabels } from '../../refine/sure-batch-labels.ts'
import type { SureOptions } from '../../refine/sure-labels.ts'
import { noGrad, ops, scope, type Tensor } from '../../torch/index.ts'

/**
 * Cross entropy over "nothing" (score 0) and the classes. An unsure pixel may be nothing or any of the image's tags, and
 * costs -log of their summed probability: other classes are excluded everywhere. evidence [B, C, H, W], the transformer's maps [B, C, h, w], tags [B, C] in {0, 1}.
 */
export function unetLoss(
  evidence: Tensor,
  { maps, tags, ...options }: { maps: Tensor; tags: Tensor } & Partial<SureOptions>,
): Tensor {
  return scope(() => {
    const [batch, , height, width] = evidence.shape as [number, number, number, number]
    const nothing = ops.zeros([batch, 1, height, width], { device: evidence.device })
    const { labels, candidates } = noGrad(() => ({
      labels: sureBatchLabels(maps.to({ dtype: 'float32' }), { tags, size: [height, width], ...options }),
      candidates: ops.cat([ops.ones([batch, 1], { device: tags.device }), tags], { dim: 1 }),
    }))
    return segmentationLoss(ops.cat([nothing, evidence], { dim: 1 }), labels, { candidates })
  })
}
