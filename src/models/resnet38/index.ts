/** @file ResNet38, the wide residual network of PSA. */
export { type FrozenPart, Resnet38, type Resnet38Features, type Resnet38Options } from './resnet38.ts'
