/** @file Scoring, the public way in: confusion, mIoU, threshold sweep, average precision, names and tables. */
export * from './average-precision.ts'
export * from './confusion.ts'
export * from './greedy-curve.ts'
export * from './metric.ts'
export * from './miou.ts'
export * from './predict-labels.ts'
export * from './table.ts'
export * from './threshold-sweep.ts'
