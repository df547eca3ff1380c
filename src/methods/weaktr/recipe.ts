/** @file The recipe sections of WeakTr: the network with its fusion, its CAMs. Loads no libtorch. */
import { z } from 'zod'
import { vitSizes } from '../../models/vit/widths.ts'
import type { AblationVariant, RecipeProblem } from '../definition.ts'
import { attentionMapsFields, vitFields, wholePatches, widthField } from '../recipe.ts'

const adaptive = z.strictObject({
  kind: z
    .literal('aaf')
    .describe('adaptive attention fusion: a learned weight for every head of every layer'),
  generation: z
    .enum(['v1', 'v2', 'v3'])
    .default('v3')
    .describe(
      'input of the fusion, in three generations of published checkpoints: the pooled attention (v1), the output of the block (v2), the output of its attention layer (v3)',
    ),
  pool: z
    .enum(['max', 'avg'])
    .default('max')
    .describe(
      'pooling of that input; v1 with avg weighs all heads alike, because rows of attention sum to 1',
    ),
  reduction: z
    .number()
    .min(1)
    .default(8)
    .describe('reduction of the hidden layer over the heads of all layers; published: 8 for v3, 4 for v1'),
  featReduction: z
    .number()
    .min(1)
    .default(8)
    .describe('reduction of the hidden layer over the channels of a head; unused by v1'),
  lrScale: z
    .number()
    .gt(0)
    .default(1)
    .describe(
      'its learning rate over that of the transformer; without pretraining, at a factor of 1, it settles on two or three heads',
    ),
})

const meanSum = z.strictObject({
  kind: z.literal('mean-sum').describe('mean over the heads, sum over the layers; nothing is learned'),
})

/** `model` section. */
export const weaktrModelRecipe = z
  .strictObject({
    width: widthField,
    ...vitFields,
    fusion: z
      .discriminatedUnion('kind', [adaptive, meanSum])
      .prefault({ kind: 'aaf' })
      .describe('how the attention of all heads is fused'),
  })
  .superRefine(wholePatches)

/** The part of the `maps` section that belongs to the method. */
export const weaktrMapsFields = attentionMapsFields

/** Settings that do not fit together, as path and message (problem; remedy). */
export function checkWeaktr({ model }: { model: WeaktrModelRecipe }): RecipeProblem[] {
  const { fusion, width } = model
  if (fusion.kind !== 'aaf') return []
  const { depth, heads, embedDim } = vitSizes(width)
  const limits = { reduction: depth * heads, featReduction: embedDim / heads }
  return (['reduction', 'featReduction'] as const).flatMap(key => {
    if (fusion[key] <= limits[key] || (key === 'featReduction' && fusion.generation === 'v1')) return []
    const what = key === 'reduction' ? 'heads of all layers' : 'channels of a head'
    const message = `leaves nothing of ${limits[key]} ${what}; expected at most ${limits[key]}`
    return [{ path: ['model', 'fusion', key], message }]
  })
}

/** Variants of `tagmask ablate`: all heads alike, and a weight for each, by the recipe's fusion where it has one. */
export function weaktrVariants({ fusion }: WeaktrModelRecipe): AblationVariant[] {
  const aaf = fusion.kind === 'aaf' ? fusion : { kind: 'aaf' }
  return [
    { name: 'mean-sum', set: ['model.fusion={"kind":"mean-sum"}'] },
    { name: 'aaf', set: [`model.fusion=${JSON.stringify(aaf)}`] },
  ]
}

export type WeaktrModelRecipe = z.output<typeof weaktrModelRecipe>
