/** @file A crop anywhere in a rescaled image, padded where the image is smaller: how AFA and SemFormer train (afa, datasets/transforms.py; semformer, tools/ai/augment_utils.py). */
import type { RgbImage } from '../../io/image.ts'
import type { Random } from '../random.ts'
import { type ColourJitterOptions, colourJitter } from './colour-jitter.ts'
import { flipHorizontal } from './crop.ts'
import { blank, drawCut, flippedCut, pasted } from './cut.ts'
import { IMAGENET, type Normalisation, normalise } from './normalise.ts'
import { type Box, type Filter, resize } from './resize.ts'
import { roundHalfEven } from './rounding.ts'

export interface PaddedCropTransform extends Normalisation {
  /** Side of the square that the network sees. */
  readonly imageSize: number
  /** Larger images are first taken as if reduced to this many pixels. */
  readonly longestSide: number
  /** Factor on both sides of the image, [smallest, largest]. */
  readonly scale: readonly [number, number]
  /** The longer side after scaling, pixels, [shortest, longest]: drawn in the place of `scale`. */
  readonly longSide: readonly [number, number] | null
  readonly filter: Filter
  /** Probability of a flip. */
  readonly flip: number
  readonly jitter: ColourJitterOptions | false
  /** Around an image that is smaller than the crop: black before normalisation (AFA), or the mean colour (SemFormer). */
  readonly padding: 'black' | 'mean'
}

/** What AFA trains with. */
export const PADDED_CROP: PaddedCropTransform = {
  imageSize: 512,
  longestSide: 1024,
  scale: [0.5, 2],
  longSide: null,
  filter: 'bilinear',
  flip: 0.5,
  jitter: false,
  padding: 'black',
  ...IMAGENET,
}

/** Normalised pixels [3, S, S] into `out`; returns the box of the image's own pixels in the square. */
export function paddedCropSample(
  image: RgbImage,
  transform: PaddedCropTransform,
  random: Random,
  out: Float32Array,
): Box {
  const { imageSize, flip, jitter, filter, padding } = transform
  const coloured = jitter === false ? image : colourJitter(image, jitter, random)
  const scaled = resize(coloured, { ...drawSize(image, transform, random), filter })
  const flipped = random.uniform(0, 1) < flip
  const cut = drawCut(scaled, imageSize, random)
  const square = pasted(scaled, cut, imageSize)
  const lies = flipped ? flippedCut(cut, imageSize) : cut
  normalise(flipped ? flipHorizontal(square) : square, transform, out)
  if (padding === 'mean') blank(out, lies, imageSize)
  const { x, y, width, height } = lies
  return { x, y, width, height }
}

/** Size before the cut; sides are cut off to whole pixels, by a longer side rounded, and at least 1. */
function drawSize(
  { width, height }: { readonly width: number; readonly height: number },
  { scale, longSide, longestSide }: PaddedCropTransform,
  random: Random,
): { width: number; height: number } {
  const longer = Math.max(width, height)
  const factor =
    longSide === null
      ? random.uniform(...scale) * Math.min(1, longestSide / longer)
      : random.integer(...longSide) / longer
  const whole = longSide === null ? Math.trunc : roundHalfEven
  const side = (length: number): number => Math.max(1, whole(length * factor))
  return { width: side(width), height: side(height) }
}
