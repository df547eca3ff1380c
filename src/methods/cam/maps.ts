/** @file CAMs: the classifier's weights on every patch token, times the class token's attention, spread by patch affinity. */
import { ops, scope, type Tensor } from '../../torch/index.ts'
import { type AttentionType, combineCams } from '../combine-cams.ts'
import { type AffinityKind, applyPatchAffinity } from '../patch-affinity.ts'
import type { Cam } from './model.ts'

export interface ClassifierCamOptions {
  /** patchcam: the CAM alone; fused: times the class token's attention. */
  readonly attention?: Exclude<AttentionType, 'mct'>
  /** Number of last layers, over which and whose heads that attention is averaged. */
  readonly layers?: number
  /** Negative responses become 0; else the least response of each map does. */
  readonly relu?: boolean
  /** Spread each map along the patch-to-patch attention, the mean over heads summed over all layers. */
  readonly refine?: boolean
  readonly affinity?: AffinityKind
}

/** CAMs [B, C, h, w] of images [B, 3, H, W], one value a patch; not normalised. Call without autograd. */
export function classifierCams(
  network: Cam,
  images: Tensor,
  {
    attention = 'patchcam',
    layers = 3,
    relu = true,
    refine = false,
    affinity = 'published',
  }: ClassifierCamOptions = {},
): Tensor {
  return scope(() => {
    const { blocks, head } = network
    const { rows, columns } = network.grid(images)
    const [batch, patches, { device }] = [images.size(0), rows * columns, images]
    const used = Math.min(layers, blocks.length)
    const attended = ops.zeros([batch, 1, patches], { device })
    const along = refine ? ops.zeros([batch, patches, patches], { device }) : undefined
    const tokens = network.patches(images, {
      records: () => ({ meanRows: along === undefined ? 1 : 1 + patches }),
      recorded({ mean }, layer) {
        scope(() => {
          const add = (sum: Tensor, from: number): void =>
            void ops.add_(sum, mean!.narrow(1, from, sum.size(1)).narrow(2, 1, patches))
          if (layer >= blocks.length - used) add(attended, 0)
          if (along !== undefined) add(along, 1)
        })
        mean!.dispose()
      },
    })
    const grid = (maps: Tensor): Tensor => maps.reshape(batch, -1, rows, columns)
    const responses = ops.linear(tokens, head.weight).to({ dtype: 'float32' }).transpose(1, 2) // [B, C, h*w]
    const cut = relu ? responses.relu() : responses.sub(ops.amin(responses, { dim: [-1], keepdim: true }))
    const maps = combineCams(grid(attended.div(used)), grid(cut), attention)
    return along === undefined ? maps : applyPatchAffinity(maps, along, { affinity })
  })
}
