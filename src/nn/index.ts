/** @file Layers and networks with PyTorch's parameter names. */
export { BatchNorm2d, type BatchNormOptions, FrozenBatchNorm2d } from './batch-norm.ts'
export { Conv2d, type Conv2dOptions } from './conv.ts'
export { Residual } from './drop-path.ts'
export { Dropout, Dropout2d } from './dropout.ts'
export { Embedding, type EmbeddingOptions } from './embedding.ts'
export { GroupNorm } from './group-norm.ts'
export {
  fanInUniform,
  type KaimingOptions,
  kaimingNormal,
  normal,
  skipInit,
  truncatedNormal,
  xavierUniform,
} from './init.ts'
export { LayerNorm } from './layer-norm.ts'
export { Linear, type LinearOptions } from './linear.ts'
export { type Losses, multilabelSoftMargin } from './losses.ts'
export { Buffer, Module, Parameter, type StateDict, StateDictError } from './module.ts'
