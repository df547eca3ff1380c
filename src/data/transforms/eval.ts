/** @file The fixed transform of validation: resize the shorter side, crop the centre, normalise. */
import type { RgbImage } from '../../io/image.ts'
import { type Normalisation, normalise } from './normalise.ts'
import { type Box, crop, resize } from './resize.ts'
import { roundHalfEven } from './rounding.ts'

/** `imageSize` is the side of the crop. */
export interface EvalTransform extends Normalisation {
  readonly imageSize: number
}

/** The size of the shorter side before the crop: ImageNet's 256 for 224. */
export function shorterSide(imageSize: number): number {
  return Math.trunc((256 / 224) * imageSize)
}

/** Returns [3, imageSize, imageSize]; torchvision's Resize (bicubic), CenterCrop, ToTensor, Normalize. */
export function evalSample(image: RgbImage, transform: EvalTransform, out?: Float32Array): Float32Array {
  const { imageSize } = transform
  const square = centreCrop(resizeShorterSide(image, shorterSide(imageSize)), imageSize)
  return normalise(square, transform, out)
}

/** torchvision's Resize(side): the longer side is cut to a whole number, not rounded. */
export function resizeShorterSide(image: RgbImage, side: number): RgbImage {
  const { width, height } = image
  if (width <= height) return resize(image, { width: side, height: Math.trunc((side * height) / width) })
  return resize(image, { width: Math.trunc((side * width) / height), height: side })
}

/** The square of `side` pixels in the middle, for images at least as large. */
export function centreCrop(image: RgbImage, side: number): RgbImage {
  const box: Box = {
    x: roundHalfEven((image.width - side) / 2),
    y: roundHalfEven((image.height - side) / 2),
    width: side,
    height: side,
  }
  return crop(image, box)
}
