/** @file The training loop, the public way in, with checkpoints, metrics and logs. */
export type { BatchSource, SampleBatch } from '../data/batch-loader.ts'
export { checkpointFiles, NotFiniteError, saveWeights } from './checkpoint.ts'
export type { Length } from './length.ts'
export { createLog, type Log, silentLog } from './log.ts'
export { type LearningRate, TrainingStopped, type TrainOptions, train } from './loop.ts'
export { type MetricsRecord, readMetrics } from './metrics.ts'
export { type Validation, validate } from './validate.ts'
