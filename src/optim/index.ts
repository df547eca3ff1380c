/** @file Optimisers on libtorch's _foreach operators, and schedules. */
export { type AdamWOptions, adamw } from './adamw.ts'
export { type Decays, decayGroups, type Optimiser, type ParameterGroup } from './optimiser.ts'
export {
  type CosineEpochOptions,
  type CosineStepOptions,
  cosineEpoch,
  cosineStep,
  type PolyFloorOptions,
  type PolyStepOptions,
  polyFloor,
  polyStep,
  scaledLr,
} from './schedule.ts'
export { polySgdMomentum, sgd } from './sgd.ts'
