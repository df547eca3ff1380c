/** @file Layers and networks with PyTorch's parameter names. */
export { Conv2d, type Conv2dOptions } from './conv.ts'
export { Residual } from './drop-path.ts'
export { fanInUniform, truncatedNormal } from './init.ts'
export { LayerNorm } from './layer-norm.ts'
export { Linear, type LinearOptions } from './linear.ts'
export { Buffer, Module, Parameter, type StateDict, StateDictError } from './module.ts'
