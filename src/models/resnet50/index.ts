/** @file ResNet50, the backbone of IRN's edge network. */
export { RESNET50_STRIDES, Resnet50, type Resnet50Options } from './resnet50.ts'
export { stageName, torchvisionName } from './weight-names.ts'
