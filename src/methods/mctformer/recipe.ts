/** @file What a recipe says about MCTformer: the network, its losses, its class maps. Imports zod only, so that reading a recipe loads no libtorch. */
import { z } from 'zod'

const customWidth = z
  .strictObject({
    embedDim: z.int().min(8).describe('channels of a token'),
    depth: z.int().min(1).describe('number of transformer blocks'),
    heads: z.int().min(1).describe('attention heads; must divide embedDim'),
  })
  .refine(width => width.embedDim % width.heads === 0, {
    path: ['heads'],
    message: 'does not divide embedDim; expected heads such that embedDim / heads is whole',
  })

/** `model` section: sizes of the network (MCTformer, section 3; MCTformer+ for `plus`). */
export const mctformerModelRecipe = z
  .strictObject({
    variant: z
      .enum(['v1', 'v2', 'plus'])
      .default('v2')
      .describe(
        'v1: class tokens only; v2: class and patch tokens; plus: MCTformer+ (ranking pooling, contrast)',
      ),
    width: z
      .union([z.enum(['deit-ti', 'deit-s', 'deit-b']), customWidth])
      .default('deit-s')
      .describe('a DeiT width (192, 384, 768 channels; 12 blocks), or {embedDim, depth, heads}'),
    imageSize: z
      .int()
      .min(8)
      .default(224)
      .describe('side of the training crop, pixels; published: 224 for v1 and v2, 448 for plus'),
    patchSize: z.int().min(1).default(16).describe('side of a patch, pixels; must divide imageSize'),
    dropPath: z
      .number()
      .min(0)
      .lt(1)
      .default(0.1)
      .describe('drop-path probability of the last block; rises linearly from 0 at the first'),
    decay: z
      .number()
      .gt(0)
      .max(1)
      .default(0.996)
      .describe('plus only: weight of the next lower response in global weighted ranking pooling'),
  })
  .refine(model => model.imageSize % model.patchSize === 0, {
    path: ['imageSize'],
    message: 'is not a multiple of model.patchSize; expected a whole number of patches',
  })

/** `train.losses` section. */
export const mctformerLossRecipe = z.strictObject({
  contrastWeight: z.number().min(0).default(1).describe('plus only: weight of the class-token contrast loss'),
  contrastLayers: z
    .int()
    .min(1)
    .default(12)
    .describe('plus only: number of last layers the contrast loss reads'),
})

/** The part of the `maps` section that belongs to the method; the pipeline adds scales, flip and storage. */
export const mctformerMapsFields = {
  attention: z
    .enum(['fused', 'mct', 'patchcam'])
    .default('fused')
    .describe(
      'class-to-patch attention times patch maps (fused), attention alone (mct; v1 has only this), patch maps alone (patchcam)',
    ),
  layers: z
    .int()
    .min(1)
    .default(3)
    .describe(
      'number of last layers whose class-to-patch attention is used; published: 3 for v1 and v2, 12 for plus',
    ),
  refine: z
    .boolean()
    .default(true)
    .describe('spread the maps with the patch-to-patch attention of all layers (patch affinity)'),
}

/** What does not fit together between sections, as path and message (problem; what would be right). */
export function checkMctformer({
  model,
  maps,
  train,
}: {
  model: MctformerModelRecipe
  maps: { readonly attention: string; readonly layers: number }
  train: { readonly losses: MctformerLossRecipe }
}): { path: string[]; message: string }[] {
  const depth = typeof model.width === 'string' ? 12 : model.width.depth
  const problems: { path: string[]; message: string }[] = []
  if (maps.layers > depth) {
    const message = `is more than the network's ${depth} blocks; expected at most ${depth}`
    problems.push({ path: ['maps', 'layers'], message })
  }
  if (model.variant === 'v1' && maps.attention !== 'mct') {
    const message = 'needs patch maps, which v1 does not have; expected mct, or model.variant v2 or plus'
    problems.push({ path: ['maps', 'attention'], message })
  }
  if (model.variant === 'plus' && train.losses.contrastLayers > depth) {
    const message = `is more than the network's ${depth} blocks; expected at most ${depth}`
    problems.push({ path: ['train', 'losses', 'contrastLayers'], message })
  }
  return problems
}

export type MctformerModelRecipe = z.output<typeof mctformerModelRecipe>
export type MctformerLossRecipe = z.output<typeof mctformerLossRecipe>
