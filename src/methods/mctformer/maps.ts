/** @file CAMs of MCTformer: class-to-patch attention, patch maps, both fused, refined by patch affinity; the U-Net's. */
import { noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import { type AttentionType, combineCams } from '../combine-cams.ts'
import { type AffinityKind, applyPatchAffinity } from '../patch-affinity.ts'
import { type Fusion, fuseCams } from './fusion.ts'
import type { Mctformer, MctformerOutput, MctformerVisitor } from './model.ts'

export interface MctformerCamOptions {
  /** fused: attention x patch maps (plus: the root of it); mct: attention alone; patchcam: patch maps alone. */
  readonly attention?: AttentionType
  /** Number of last layers whose class-to-patch attention is used. */
  readonly layers?: number
  /** Spread each map along the patch-to-patch attention. */
  readonly refine?: boolean
  /** The affinity from that attention. */
  readonly affinity?: AffinityKind
  /** Return the patch affinity also where the CAMs are not refined. */
  readonly withAffinity?: boolean
  /** Fusion with the CAMs of the U-Net. */
  readonly fusion?: Fusion
  /** Weight of the U-Net's CAMs: from 0, as without one, to 1, its CAMs alone. */
  readonly unetShare?: number
}

export interface MctformerCams {
  /** [B, C, h, w], one value a patch, or, fused with the U-Net's, one for each 4 x 4 pixels; not normalised. */
  readonly maps: Tensor
  /** [B, C]: class logits; for plus the mean of class and patch logits. */
  readonly logits: Tensor
  /** Patch affinity: head-averaged patch-to-patch attention summed over ALL layers [B, h*w, h*w], whatever `layers` is; only `withAffinity`. */
  readonly affinity: Tensor | undefined
}

/** Collects the attention for CAMs while a batch passes through the network. */
export interface CamReader {
  readonly visit: MctformerVisitor
  /** The transformer's CAMs [B, C, h, w], not recorded, and the affinity, once the batch has passed. */
  readonly read: (output: MctformerOutput) => Pick<MctformerCams, 'maps' | 'affinity'>
}

/**
 * For images [B, 3, H, W]. V1 and V2 sum the attention over the last layers, plus averages it (models.py, forward with
 * return_att; engine.py, generate_attention_maps_ms).
 */
export function camReader(
  network: Mctformer,
  images: Tensor,
  {
    attention = 'fused',
    layers = 3,
    refine = true,
    affinity: kind = 'published',
    withAffinity = refine,
  }: MctformerCamOptions = {},
): CamReader {
  const { numClasses, variant, blocks } = network
  const { rows, columns } = network.grid(images)
  const [batch, patches, { device }] = [images.size(0), rows * columns, images]
  const used = Math.min(layers, blocks.length)
  const attended = ops.zeros([batch, numClasses, patches], { device })
  const affinity = withAffinity || refine ? ops.zeros([batch, patches, patches], { device }) : undefined
  const plus = variant === 'plus'
  return {
    visit: {
      rows: affinity === undefined ? numClasses : numClasses + patches,
      see(mean, layer) {
        const toPatches = mean.narrow(2, numClasses, patches) // [B, rows, h*w]
        if (affinity !== undefined) ops.add_(affinity, toPatches.narrow(1, numClasses, patches))
        if (layer >= blocks.length - used) ops.add_(attended, toPatches.narrow(1, 0, numClasses))
      },
    },
    read({ patchMaps }) {
      return noGrad(() =>
        scope(() => {
          if (plus) ops.divScalar_(attended, used)
          const grid = attended.reshape(batch, numClasses, rows, columns)
          const fused = combineCams(grid, patchMaps?.detach().relu(), attention)
          const coarse = plus && attention === 'fused' ? fused.sqrt() : fused
          const maps = refine ? applyPatchAffinity(coarse, affinity!, { affinity: kind }) : coarse
          return { maps, affinity }
        }),
      )
    },
  }
}

/** CAMs of images [B, 3, H, W]. Call without autograd. */
export function mctformerCams(
  network: Mctformer,
  images: Tensor,
  { fusion = 'geometric', unetShare: share = 0.5, ...options }: MctformerCamOptions = {},
): MctformerCams {
  return scope(() => {
    const reader = camReader(network, images, options)
    const output = network.forward(images, reader.visit)
    const { classLogits, patchLogits, evidence } = output
    const { maps, affinity } = reader.read(output)
    return {
      maps: evidence === undefined || share === 0 ? maps : fuseCams(maps, evidence, { fusion, share }),
      logits: network.variant === 'plus' ? classLogits.add(patchLogits!).div(2) : classLogits,
      affinity,
    }
  })
}
