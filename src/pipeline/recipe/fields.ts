/** @file Fields that several sections of a recipe have. */
import { z } from 'zod'

const triple = z.tuple([z.number(), z.number(), z.number()])
const positiveTriple = z.tuple([z.number().gt(0), z.number().gt(0), z.number().gt(0)])

/** Normalisation of pixels. */
export const normalisation = z.strictObject({
  mean: triple.default([0.485, 0.456, 0.406]).describe('mean of R, G, B, 0 to 1'),
  std: positiveTriple.default([0.229, 0.224, 0.225]).describe('standard deviation of R, G, B, 0 to 1'),
})

/** A text that may be absent, such as a path: null by default. */
export function optionalText(description: string) {
  return z.string().min(1).nullable().default(null).describe(description)
}
