/** @file Segmentation networks: any dense backbone with a head, their loss, and inference at several scales. */
export {
  clipGradients,
  type GradientClippingOptions,
  gradientClippingLoss,
  pixelCrossEntropy,
} from './gradient-clipping.ts'
export { DilatedHead, type HeadOptions, LightHead, type SegmentationHead } from './head.ts'
export { bestLabels, labelProbabilities } from './inference.ts'
export { segmentationLoss } from './loss.ts'
export { SegmentationNetwork, segmentationNetwork } from './network.ts'
