/** @file The Segmenter: network, starting weights, learning rates by layer, inference with windows. */
export { segmenterProbabilities } from './inference.ts'
export { type SegmenterGroupOptions, segmenterGroups } from './parameter-groups.ts'
export { Segmenter, type SegmenterOptions } from './segmenter.ts'
export { enlargedSize, mixBlocks, windowAnchors, windowScores } from './windows.ts'
