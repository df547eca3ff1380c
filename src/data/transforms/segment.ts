/** @file The transform of segmentation training: an image and its labels scaled, flipped, cut and padded alike (seg/tool/exutils.py). */
import { InputError } from '../../errors.ts'
import type { RgbImage } from '../../io/image.ts'
import type { LabelMap } from '../../io/indexed-png.ts'
import { IGNORE } from '../../io/label-values.ts'
import type { Random } from '../random.ts'
import { linearTaps, nearestIndices } from './cv2-resize.ts'
import { IMAGENET, type Normalisation } from './normalise.ts'

/** Labels of the padding of images smaller than the crop. */
const PADDING = { background: 0, ignore: IGNORE } as const

export interface SegmentTransform extends Normalisation {
  /** Side of the crop. */
  readonly cropSize: number
  /** Factor on both sides of the image, [smallest, largest]. */
  readonly scale: readonly [number, number]
  /** Whether all images of a batch share one factor. */
  readonly scalePer: 'batch' | 'image'
  /** Probability of a flip. */
  readonly flip: number
  /** Label of the padding right and below: background, as published, or the ignore label. */
  readonly padding: keyof typeof PADDING
}

/** Options of MCTformer's segmentation (exutils.get_data_from_chunk). */
export const SEGMENT_TRANSFORM: SegmentTransform = {
  cropSize: 321,
  scale: [0.7, 1.3],
  scalePer: 'batch',
  flip: 0.5,
  padding: 'background',
  ...IMAGENET,
}

/** The crop of an image: resized to width x height, perhaps flipped, cut from (left, top) on. */
export interface Placement {
  readonly width: number
  readonly height: number
  readonly flipped: boolean
  readonly left: number
  readonly top: number
}

/** Draws the crop. The last offset of a row or column is never drawn, as published. */
export function drawPlacement(
  image: { readonly width: number; readonly height: number },
  { cropSize, flip }: Pick<SegmentTransform, 'cropSize' | 'flip'>,
  { scale, random }: { scale: number; random: Pick<Random, 'uniform'> },
): Placement {
  const [width, height] = [image.width, image.height].map(side => Math.max(1, Math.trunc(side * scale))) as [
    number,
    number,
  ]
  const flipped = random.uniform(0, 1) > 1 - flip
  const offset = (side: number): number =>
    side > cropSize ? Math.trunc(random.uniform(0, 1) * (side - cropSize)) : 0
  const top = offset(height)
  return { width, height, flipped, left: offset(width), top }
}

/**
 * The image in its placement, normalised, into `out` [3, side, side], padded with 0 (the mean colour). Only the
 * crop is computed; interpolation and normalisation are in double precision as in the original.
 */
export function placeImage(
  { width, height, data }: RgbImage,
  placement: Placement,
  { mean, std, side, out }: Normalisation & { side: number; out: Float32Array | Float64Array },
): void {
  const columns = linearTaps(width, placement.width, 'row')
  const rows = linearTaps(height, placement.height, 'column')
  const cut = { width: Math.min(side, placement.width), height: Math.min(side, placement.height) }
  out.fill(0)
  for (let y = 0; y < cut.height; y++) {
    const row = placement.top + y
    const [upper, lower] = [rows.low[row]! * width, rows.high[row]! * width]
    const [upperWeight, lowerWeight] = [rows.lowWeight[row]!, rows.highWeight[row]!]
    for (let x = 0; x < cut.width; x++) {
      const column = columnOf(placement, x)
      const [low, high] = [columns.low[column]!, columns.high[column]!]
      const [lowWeight, highWeight] = [columns.lowWeight[column]!, columns.highWeight[column]!]
      for (let c = 0; c < 3; c++) {
        const above = data[(upper + low) * 3 + c]! * lowWeight + data[(upper + high) * 3 + c]! * highWeight
        const below = data[(lower + low) * 3 + c]! * lowWeight + data[(lower + high) * 3 + c]! * highWeight
        const value = above * upperWeight + below * lowerWeight
        out[(c * side + y) * side + x] = (value / 255 - mean[c]!) / std[c]!
      }
    }
  }
}

/** The labels in the same placement, nearest, into `out` [side, side]. */
export function placeLabels(
  { width, height, data }: LabelMap,
  placement: Placement,
  { side, padding, out }: { side: number; padding: SegmentTransform['padding']; out: Uint8Array },
): void {
  const columns = nearestIndices(width, placement.width)
  const rows = nearestIndices(height, placement.height)
  const cut = { width: Math.min(side, placement.width), height: Math.min(side, placement.height) }
  out.fill(PADDING[padding])
  for (let y = 0; y < cut.height; y++) {
    const row = rows[placement.top + y]! * width
    for (let x = 0; x < cut.width; x++) out[y * side + x] = data[row + columns[columnOf(placement, x)]!]!
  }
}

/** One training sample. Throws InputError naming `labelFile` when the labels are of another size. */
export function segmentSample(
  { image, labels, labelFile }: { image: RgbImage; labels: LabelMap; labelFile: string },
  transform: SegmentTransform,
  { scale, random }: { scale: number; random: Pick<Random, 'uniform'> },
  out: { readonly pixels: Float32Array; readonly labels: Uint8Array },
): void {
  if (image.width !== labels.width || image.height !== labels.height) {
    throw new InputError(labelFile, `the labels are ${labels.width} x ${labels.height} pixels`, {
      expected: `the image has ${image.width} x ${image.height}`,
    })
  }
  const placement = drawPlacement(image, transform, { scale, random })
  const { mean, std, cropSize: side, padding } = transform
  placeImage(image, placement, { mean, std, side, out: out.pixels })
  placeLabels(labels, placement, { side, padding, out: out.labels })
}

/** Column x of the crop in the resized image before it was flipped. */
function columnOf({ width, flipped, left }: Placement, x: number): number {
  return flipped ? width - 1 - (left + x) : left + x
}
