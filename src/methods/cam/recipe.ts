/** @file The recipe sections of CAM: the network, its CAMs. */
import { z } from 'zod'
import { vitSizes } from '../../models/vit/widths.ts'
import type { RecipeProblem } from '../definition.ts'
import { attentionMapsFields, vitFields, wholePatches, widthField } from '../recipe.ts'

/** `model` section. */
export const camModelRecipe = z.strictObject({ width: widthField, ...vitFields }).superRefine(wholePatches)

export type CamModelRecipe = z.output<typeof camModelRecipe>

/** The part of the `maps` section that belongs to the method. */
export const camMapsFields = {
  attention: z
    .enum(['patchcam', 'fused'])
    .default('patchcam')
    .describe("the CAM alone (patchcam), or times the class token's attention to the patches (fused)"),
  layers: z
    .int()
    .min(1)
    .default(3)
    .describe('used with attention fused: number of last layers whose attention is averaged'),
  relu: z
    .boolean()
    .default(true)
    .describe(
      'negative responses become 0: a class without a positive one has an empty CAM; false: the least response becomes 0',
    ),
  refine: attentionMapsFields.refine.default(false),
  affinity: attentionMapsFields.affinity,
}

/** Settings that do not fit together, as path and message (problem; remedy). */
export function checkCam({
  model,
  maps,
}: {
  model: CamModelRecipe
  maps: { readonly layers: number }
}): RecipeProblem[] {
  const { depth } = vitSizes(model.width)
  if (maps.layers <= depth) return []
  const message = `is more than the network's ${depth} blocks; expected at most ${depth}`
  return [{ path: ['maps', 'layers'], message }]
}
