/** @file The keys of a dense CRF. */
import { z } from 'zod'
import type { CrfParameters } from '../../refine/crf-parameters.ts'

const compat = z.number().describe('weight of the term')

const gaussian = z
  .strictObject({ sxy: z.number().gt(0).describe('standard deviation in position, pixels'), compat })
  .nullable()

const bilateral = z
  .strictObject({
    sxy: z.number().gt(0).describe('standard deviation in position, pixels'),
    srgb: z.number().gt(0).describe('standard deviation in colour, grey levels'),
    compat,
  })
  .nullable()

/** A section with the given set of parameters as its defaults (src/refine/crf-parameters.ts has those of the papers). */
export function crfSection({ iterations, ...terms }: CrfParameters) {
  return z.strictObject({
    iterations: z.int().min(0).default(iterations).describe('mean-field steps'),
    gaussian: gaussian
      .default(terms.gaussian as z.output<typeof gaussian>)
      .describe('smoothness term {sxy, compat}: neighbours prefer the same label; null: none'),
    bilateral: bilateral
      .default(terms.bilateral as z.output<typeof bilateral>)
      .describe(
        'appearance term {sxy, srgb, compat}: pixels of similar colour prefer the same label; null: none',
      ),
  })
}
