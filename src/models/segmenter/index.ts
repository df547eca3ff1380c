/** @file The Segmenter: network, starting weights, learning rates by layer, inference with windows. */
export { type SegmenterInferenceOptions, segmenterProbabilities } from './inference.ts'
export { MaskTransformer, type MaskTransformerOptions } from './mask-transformer.ts'
export { type SegmenterGroupOptions, segmenterGroups } from './parameter-groups.ts'
export { loadSegmenter } from './pretrained.ts'
export { Segmenter, type SegmenterLogits, type SegmenterOptions } from './segmenter.ts'
export { mixBlocks, type WindowOptions, type WindowScores, windowScores } from './windows.ts'
