/** @file The keys of pixel-adaptive refinement. */
import { z } from 'zod'
import type { ParParameters } from '../../refine/par/parameters.ts'

/** A section with the given parameters as its defaults (src/refine/par/parameters.ts has AFA's). */
export function parSection({ dilations, iterations, w1, w2 }: ParParameters) {
  return z.strictObject({
    dilations: z
      .array(z.int().min(1).max(1024))
      .min(1)
      .max(16)
      .default([...dilations])
      .describe('distances of the neighbours, pixels; each has eight'),
    iterations: z.int().min(0).default(iterations).describe('passes; AFA takes 10 on VOC, 15 on COCO'),
    w1: z
      .number()
      .gt(0)
      .default(w1)
      .describe('how alike neighbours must be in colour and distance, in standard deviations over them'),
    w2: z.number().min(0).default(w2).describe('weight of the distances beside the colours'),
  })
}
