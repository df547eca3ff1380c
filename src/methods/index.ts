/** @file Methods: what each is, and the networks, losses and CAMs behind them. */
export { buildCti, Cti } from './cti/index.ts'
export type { AblationVariant, Definition, MapsLook, RecipeProblem } from './definition.ts'
export { type HeadWeights, joinHeadWeights } from './head-weights.ts'
export { METHODS } from './list.ts'
export { buildMctformer, Mctformer, type MctformerOptions } from './mctformer/index.ts'
export type { Adapted, Autoencoder, ClassBatch, Method } from './method.ts'
export { multiScaleCams } from './multi-scale.ts'
export { buildWeaktr, Weaktr, type WeaktrOptions } from './weaktr/index.ts'
