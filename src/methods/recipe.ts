/** @file What the recipes of several methods say in the same words. Imports zod only, so that reading a recipe loads no libtorch. */
import { z } from 'zod'

/** Sizes of a vision transformer of one's own. */
export const customWidth = z
  .strictObject({
    embedDim: z.int().min(8).describe('channels of a token'),
    depth: z.int().min(1).describe('number of transformer blocks'),
    heads: z.int().min(1).describe('attention heads; must divide embedDim'),
  })
  .refine(width => width.embedDim % width.heads === 0, {
    path: ['heads'],
    message: 'does not divide embedDim; expected heads such that embedDim / heads is whole',
  })

/** `model.width` of a vision transformer. */
export const widthField = z
  .union([z.enum(['deit-ti', 'deit-s', 'deit-b']), customWidth])
  .default('deit-s')
  .describe('a DeiT width (192, 384, 768 channels; 12 blocks), or {embedDim, depth, heads}')

/** Further `model` fields of a vision transformer. */
export const vitFields = {
  imageSize: z
    .int()
    .min(8)
    .default(224)
    .describe('side of the training crop, pixels; published: 224, for MCTformer+ 448, for AFA 512'),
  patchSize: z.int().min(1).default(16).describe('side of a patch, pixels; must divide imageSize'),
  dropPath: z
    .number()
    .min(0)
    .lt(1)
    .default(0.1)
    .describe('drop-path probability of the last block; rises linearly from 0 at the first'),
}

interface Cropped {
  readonly imageSize: number
  readonly patchSize: number
}

/** To be given to `superRefine` of a section with both. */
export function wholePatches({ imageSize, patchSize }: Cropped, context: z.RefinementCtx): void {
  if (imageSize % patchSize === 0) return
  const message = `is not a multiple of patchSize ${patchSize}; expected a whole number of patches`
  context.addIssue({ code: 'custom', path: ['imageSize'], message, input: imageSize })
}

/** `maps` fields of methods that have class-to-patch attention, patch maps and patch affinity. */
export const attentionMapsFields = {
  attention: z
    .enum(['fused', 'mct', 'patchcam'])
    .default('fused')
    .describe(
      'class-to-patch attention times patch CAMs (fused), attention alone (mct; the only one of v1), patch CAMs alone (patchcam)',
    ),
  refine: z
    .boolean()
    .default(true)
    .describe('refine the CAMs by the patch-to-patch attention of all layers (patch affinity)'),
  affinity: z
    .enum(['published', 'transposed'])
    .default('published')
    .describe('used with refine: the attention S (published), or S + S^T, which is symmetric (transposed)'),
}
