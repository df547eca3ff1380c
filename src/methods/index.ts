/** @file The methods. A sixth one is a folder beside mctformer/ and a line here. */
import { mctformer } from './mctformer/index.ts'
import { weaktr } from './weaktr/index.ts'

export { type HeadWeights, joinHeadWeights } from './head-weights.ts'
export type { Adapted, Losses, Method } from './method.ts'
export { multiScaleMaps } from './multi-scale.ts'

/** Builders by the name that a recipe gives as `method`. */
export const methods = { mctformer, weaktr } as const
