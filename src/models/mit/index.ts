/** @file SegFormer's encoders. */
export { attentionLogits } from './attention.ts'
export { type MitOutput, MixTransformer } from './mix-transformer.ts'
export { adaptMit } from './pretrained.ts'
export { type MitName, type MitOptions, mit, type Stages } from './sizes.ts'
export { asMap, asTokens, gridOf } from './token-map.ts'
