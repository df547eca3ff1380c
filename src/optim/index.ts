/** @file Optimisers on libtorch's _foreach operators, and schedules. */
export { type AdamWOptions, adamw } from './adamw.ts'
export { decayGroups, type Optimiser, type ParameterGroup } from './optimiser.ts'
export {
  type CosineEpochOptions,
  type CosineStepOptions,
  cosineEpoch,
  cosineStep,
  type PolyStepOptions,
  polyStep,
  scaledLr,
} from './schedule.ts'
export { sgd } from './sgd.ts'
