/** @file The training transform: crop, flip, RandAugment, normalise, erase; every draw from one stream. */
import type { RgbImage } from '../../io/image.ts'
import type { Random } from '../random.ts'
import { flipHorizontal, randomCropBox } from './crop.ts'
import { IMAGENET, meanColour, type Normalisation, normalise } from './normalise.ts'
import { RAND_AUGMENT, type RandAugmentOptions, randAugment } from './rand-augment.ts'
import { RANDOM_ERASING, type RandomErasingOptions, randomErasing } from './random-erasing.ts'
import { resize } from './resize.ts'

/** MCTformer's options (timm's create_transform); `flip` is a probability. */
export interface TrainTransform extends Normalisation {
  readonly imageSize: number
  readonly scale: readonly [number, number]
  readonly ratio: readonly [number, number]
  readonly flip: number
  readonly randAugment: RandAugmentOptions | false
  readonly erasing: RandomErasingOptions | false
}

export const TRAIN_TRANSFORM: TrainTransform = {
  imageSize: 224,
  scale: [0.08, 1],
  ratio: [3 / 4, 4 / 3],
  flip: 0.5,
  randAugment: RAND_AUGMENT,
  erasing: RANDOM_ERASING,
  ...IMAGENET,
}

/** Returns [3, imageSize, imageSize], into `out` when given. */
export function trainSample(
  image: RgbImage,
  transform: TrainTransform,
  random: Random,
  out?: Float32Array,
): Float32Array {
  const { imageSize, erasing } = transform
  const pixels = normalise(augment(image, transform, random), transform, out)
  if (erasing !== false) randomErasing(pixels, { width: imageSize, height: imageSize }, random, erasing)
  return pixels
}

/** The part of the training transform before normalisation: crop, flip, RandAugment. */
export function augment(image: RgbImage, transform: TrainTransform, random: Random): RgbImage {
  const { imageSize, scale, ratio, flip, randAugment: augmentation, mean } = transform
  const box = randomCropBox(image, random, { scale, ratio })
  const square = resize(image, { width: imageSize, height: imageSize, box })
  const view = random.uniform(0, 1) < flip ? flipHorizontal(square) : square
  if (augmentation === false) return view
  return randAugment(view, random, { ...augmentation, fill: meanColour(mean) })
}
