/** @file libtorch for TypeScript: tensors, typed operators, autograd, scopes. */
export { isOutOfMemory } from '../io/available-memory.ts'
export { backward, backwardAsync, differentiable, type Forward, isRecording, noGrad } from './autograd.ts'
export { checkDevice, describe, setThreads, threads } from './device.ts'
export {
  CollectiveError,
  distributedBackends,
  GradientReducer,
  type GroupOptions,
  ProcessGroup,
} from './distributed.ts'
export type { DType } from './dtype.ts'
export { emptyCache, type MemoryStats, memory, resetPeak } from './memory.ts'
export { countMultiplyAdds, type MultiplyAdds } from './multiply-adds.ts'
export * as ops from './ops.gen.ts'
export { autocast, holdCasts, type Precision } from './precision.ts'
export { manualSeed, randomState, setRandomState } from './random.ts'
export { keep, scope } from './scope.ts'
export { type Extremes, fromData, Tensor, tensor } from './tensor.ts'
export {
  type BatchShare,
  batchMean,
  batchSum,
  batchSums,
  isShared,
  onShare,
  sumFactor,
} from './whole-batch.ts'
