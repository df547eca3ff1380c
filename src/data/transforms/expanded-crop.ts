/** @file A crop of any size and near any shape from an enlarged image: how SemFormer's autoencoder trains (train_caae.py; tools/ai/augment_utils.py). */
import type { RgbImage } from '../../io/image.ts'
import type { Random } from '../random.ts'
import { type ColourJitterOptions, colourJitter } from './colour-jitter.ts'
import { flipHorizontal, randomCropBox } from './crop.ts'
import { type Normalisation, normalise } from './normalise.ts'
import { resize } from './resize.ts'

export interface ExpandedCropTransform extends Normalisation {
  /** Side of the square that the network sees. */
  readonly imageSize: number
  readonly jitter: ColourJitterOptions | false
  /** Factor on both sides of the image, [smallest, largest]. */
  readonly expand: readonly [number, number]
  /** Area of the crop as a share of the enlarged image, and width over height. */
  readonly scale: readonly [number, number]
  readonly ratio: readonly [number, number]
  /** Probability of a flip. */
  readonly flip: number
}

/** Normalised pixels [3, S, S] into `out`; both resizings are bilinear. */
export function expandedCropSample(
  image: RgbImage,
  transform: ExpandedCropTransform,
  random: Random,
  out: Float32Array,
): void {
  const { imageSize, jitter, expand, scale, ratio, flip } = transform
  const coloured = jitter === false ? image : colourJitter(image, jitter, random)
  const factor = random.uniform(...expand)
  const side = (length: number): number => Math.max(1, Math.trunc(factor * length))
  const enlarged = resize(coloured, {
    width: side(image.width),
    height: side(image.height),
    filter: 'bilinear',
  })
  const box = randomCropBox(enlarged, random, { scale, ratio })
  const square = resize(enlarged, { width: imageSize, height: imageSize, box, filter: 'bilinear' })
  normalise(random.uniform(0, 1) < flip ? flipHorizontal(square) : square, transform, out)
}
