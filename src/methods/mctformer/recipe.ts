/** @file The recipe sections of MCTformer: the network, its losses, its CAMs. Loads no libtorch. */
import { z } from 'zod'
import { vitSizes } from '../../models/vit/widths.ts'
import type { AblationVariant, RecipeProblem } from '../definition.ts'
import { attentionMapsFields, vitFields, wholePatches, widthField } from '../recipe.ts'

const unetRecipe = z.strictObject({
  width: z
    .int()
    .min(8)
    .refine(width => width % 8 === 0, 'is not a multiple of 8; expected 8, 16, 24, ...')
    .default(32)
    .describe('channels at the finest level, a multiple of 8; they double at each coarser one'),
  levels: z.int().min(1).max(6).default(3).describe('levels, at strides of 4, 8, 16, ... pixels'),
  lrScale: z.number().gt(0).default(1).describe('factor on the learning rate: the U-Net is never pretrained'),
  refined: z
    .boolean()
    .default(true)
    .describe(
      "learn from the transformer's CAMs refined by patch affinity; false where that makes them worse, as without pretraining",
    ),
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
    width: widthField,
    ...vitFields,
    decay: z
      .number()
      .gt(0)
      .max(1)
      .default(0.996)
      .describe('plus only: weight of the next lower response in global weighted ranking pooling'),
    unet: unetRecipe
      .nullable()
      .default(null)
      .describe(
        'the U-Net global-feature module, whose CAMs are fused with those of the transformer ({}: with its defaults); null: none',
      ),
  })
  .superRefine(wholePatches)

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
  ...attentionMapsFields,
  layers: z
    .int()
    .min(1)
    .default(3)
    .describe(
      'number of last layers whose class-to-patch attention is used; published: 3 for v1 and v2, 12 for plus',
    ),
  fusion: z
    .enum(['geometric', 'mean'])
    .default('geometric')
    .describe(
      "used with model.unet: weighted mean by which its CAMs are fused with the transformer's; geometric needs both to respond, mean trusts the U-Net more",
    ),
  unetShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('used with model.unet: weight of its CAMs; 0: only those of the transformer'),
}

/** Settings that do not fit together, as path and message (problem; remedy). */
export function checkMctformer({
  model,
  maps,
  train,
}: {
  model: MctformerModelRecipe
  maps: { readonly attention: string; readonly layers: number }
  train: { readonly losses: MctformerLossRecipe }
}): RecipeProblem[] {
  const { depth } = vitSizes(model.width)
  const problems: RecipeProblem[] = []
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

/** Variants of `tagmask ablate`: the reproduction's two additions, alone and together, with the recipe's U-Net where it has one. */
export function mctformerVariants({ unet }: MctformerModelRecipe): AblationVariant[] {
  const set = (on: { unet: boolean; transposed: boolean }): string[] => [
    `model.unet=${on.unet ? JSON.stringify(unet ?? {}) : 'null'}`,
    `maps.affinity=${on.transposed ? 'transposed' : 'published'}`,
  ]
  return [
    { name: 'baseline', set: set({ unet: false, transposed: false }) },
    { name: 'unet', set: set({ unet: true, transposed: false }) },
    { name: 'transposed', set: set({ unet: false, transposed: true }) },
    { name: 'both', set: set({ unet: true, transposed: true }) },
  ]
}

export type MctformerModelRecipe = z.output<typeof mctformerModelRecipe>
export type MctformerLossRecipe = z.output<typeof mctformerLossRecipe>
