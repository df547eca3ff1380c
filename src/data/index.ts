/** @file Images with tags, their transforms, and the loaders: what the folder offers. Imports no torch. */
export type { BatchSource, LoaderOptions, SampleBatch } from './batch-loader.ts'
export { type OpenDatasetOptions, openDataset, tagged } from './dataset.ts'
export { type DemoOptions, type DemoSet, generateDemo } from './demo/index.ts'
export { openImages } from './folder.ts'
export { type LabelledBatch, type LabelledLoaderOptions, openLabelledLoader } from './labelled-loader.ts'
export {
  type Batch,
  openEvalLoader,
  openTrainLoader,
  type TrainLoaderOptions,
} from './loader.ts'
export type { DoubtKind, Fault, FaultKind, Problems } from './problems.ts'
export { type Random, randomStream, sampleRandom, shuffledIndices } from './random.ts'
export type { Dataset, Sample } from './sample.ts'
export type { CropTransform } from './samples.ts'
export { type EvalTransform, evalSample } from './transforms/eval.ts'
export { IMAGENET, type Normalisation, normalise } from './transforms/normalise.ts'
export { PADDED_CROP, type PaddedCropTransform, paddedCropSample } from './transforms/padded-crop.ts'
export { RAND_AUGMENT, type RandAugmentOptions, randAugment } from './transforms/rand-augment.ts'
export { RANDOM_ERASING, type RandomErasingOptions, randomErasing } from './transforms/random-erasing.ts'
export { type Box, type Filter, resize } from './transforms/resize.ts'
export { SEGMENT_TRANSFORM, type SegmentTransform, segmentSample } from './transforms/segment.ts'
export { TRAIN_TRANSFORM, type TrainTransform, trainSample } from './transforms/train.ts'
export { scaleViews, type View } from './transforms/views.ts'
export { type ImageViews, loadViews, type ViewOptions } from './view-loader.ts'
export { VOC_CLASSES } from './voc.ts'
