/** @file The transform of WeakTr's online retraining, mmsegmentation's train pipeline: resize, cut, flip, distort, normalise, pad. */
import { InputError } from '../../errors.ts'
import type { RgbImage } from '../../io/image.ts'
import type { LabelMap } from '../../io/indexed-png.ts'
import { IGNORE } from '../../io/label-values.ts'
import type { Random } from '../random.ts'
import { flipHorizontal } from './crop.ts'
import { resizeBytes } from './cv2-bytes.ts'
import { nearestIndices } from './cv2-resize.ts'
import { IMAGENET, type Normalisation, normalise } from './normalise.ts'
import { PHOTOMETRIC, type PhotometricOptions, photometricDistortion } from './photometric.ts'
import type { Box } from './resize.ts'
import { roundHalfEven } from './rounding.ts'

export interface RetrainTransform extends Normalisation {
  /** Side of the crop. */
  readonly cropSize: number
  /** Shorter side of an image at scale 1. */
  readonly shortSide: number
  /** The longer side is at most this many shorter sides. */
  readonly maxRatio: number
  /** Factor on the shorter side, [smallest, largest]. */
  readonly scale: readonly [number, number]
  /** A crop is drawn again, at most ten times, while one label has at least this share of its labelled pixels; 1: never. */
  readonly labelShare: number
  /** Probability of a flip. */
  readonly flip: number
  readonly photometric: PhotometricOptions | false
}

export const RETRAIN_TRANSFORM: RetrainTransform = {
  cropSize: 480,
  shortSide: 520,
  maxRatio: 8,
  scale: [0.5, 2],
  labelShare: 0.75,
  flip: 0.5,
  photometric: PHOTOMETRIC,
  ...roundedNormalisation(IMAGENET),
}

const ATTEMPTS = 10

/** mmsegmentation's constants: those for values of 0..255 rounded to two decimals (segm/data/base.py). */
export function roundedNormalisation({ mean, std }: Normalisation): Normalisation {
  const rounded = (values: Normalisation['mean']): Normalisation['mean'] =>
    [0, 1, 2].map(channel => roundHalfEven(255 * values[channel]! * 100) / 100 / 255) as [
      number,
      number,
      number,
    ]
  return { mean: rounded(mean), std: rounded(std) }
}

/** Size of an image within a long and a short side, its shape kept (mmcv.imrescale). */
export function rescaledSize(
  { width, height }: { readonly width: number; readonly height: number },
  { long, short }: { readonly long: number; readonly short: number },
): { width: number; height: number } {
  const factor = Math.min(long / Math.max(width, height), short / Math.min(width, height))
  return {
    width: Math.max(1, Math.trunc(width * factor + 0.5)),
    height: Math.max(1, Math.trunc(height * factor + 0.5)),
  }
}

/** One sample: pixels [3, side, side] and labels [side, side]. Throws InputError when the labels are of another size. */
export function retrainSample(
  { image, labels, labelFile }: { image: RgbImage; labels: LabelMap; labelFile: string },
  transform: RetrainTransform,
  random: Pick<Random, 'uniform' | 'integer'>,
  out: { readonly pixels: Float32Array; readonly labels: Uint8Array },
): void {
  if (image.width !== labels.width || image.height !== labels.height) {
    throw new InputError(labelFile, `is ${labels.width} x ${labels.height}`, {
      expected: `labels of the image's ${image.width} x ${image.height}`,
    })
  }
  const { cropSize: side, shortSide, maxRatio, scale, flip, photometric } = transform
  const factor = random.uniform(...scale)
  const bounds = { long: Math.trunc(maxRatio * shortSide * factor), short: Math.trunc(shortSide * factor) }
  const size = rescaledSize(image, bounds)
  const box = drawCrop(labels, size, transform, random)
  const cut = resizeBytes(image, size, box)
  const flipped = random.uniform(0, 1) < flip
  const view = flipped ? flipHorizontal(cut) : cut
  const sample = photometric === false ? view : photometricDistortion(view, random, photometric)
  out.pixels.fill(0) // the padding is the mean colour
  placePixels(normalise(sample, transform), sample, { side, out: out.pixels })
  out.labels.fill(IGNORE)
  placeLabels(labels, size, { box, flipped, side, out: out.labels })
}

/** The crop of the resized image (mmseg's RandomCrop with cat_max_ratio); a side that is not larger is kept whole. */
function drawCrop(
  labels: LabelMap,
  size: { readonly width: number; readonly height: number },
  { cropSize, labelShare }: RetrainTransform,
  random: Pick<Random, 'integer'>,
): Box {
  const [width, height] = [Math.min(cropSize, size.width), Math.min(cropSize, size.height)]
  const draw = (): Box => {
    const y = random.integer(0, size.height - height)
    return { x: random.integer(0, size.width - width), y, width, height }
  }
  let box = draw()
  if (labelShare >= 1) return box
  for (let attempt = 0; attempt < ATTEMPTS && !isVaried(labels, size, box, labelShare); attempt++)
    box = draw()
  return box
}

/** Whether there are two labels, and none has `share` of the labelled pixels. */
function isVaried(
  labels: LabelMap,
  size: { readonly width: number; readonly height: number },
  box: Box,
  share: number,
): boolean {
  const counts = new Uint32Array(256)
  visitLabels(labels, size, box, label => {
    counts[label]!++
  })
  const present = counts.subarray(0, IGNORE).filter(count => count > 0)
  const total = present.reduce((sum, count) => sum + count, 0)
  return present.length > 1 && Math.max(...present) / total < share
}

/** Calls `visit` with each label of the box of the resized label map, nearest, and its place in the box. */
function visitLabels(
  { width, height, data }: LabelMap,
  size: { readonly width: number; readonly height: number },
  box: Box,
  visit: (label: number, x: number, y: number) => void,
): void {
  const columns = nearestIndices(width, size.width)
  const rows = nearestIndices(height, size.height)
  for (let y = 0; y < box.height; y++) {
    const row = rows[box.y + y]! * width
    for (let x = 0; x < box.width; x++) visit(data[row + columns[box.x + x]!]!, x, y)
  }
}

function placeLabels(
  labels: LabelMap,
  size: { readonly width: number; readonly height: number },
  { box, flipped, side, out }: { box: Box; flipped: boolean; side: number; out: Uint8Array },
): void {
  visitLabels(labels, size, box, (label, x, y) => {
    out[y * side + (flipped ? box.width - 1 - x : x)] = label
  })
}

/** [3, h, w] into the upper left of [3, side, side]. */
function placePixels(
  pixels: Float32Array,
  { width, height }: { readonly width: number; readonly height: number },
  { side, out }: { side: number; out: Float32Array },
): void {
  for (let channel = 0; channel < 3; channel++)
    for (let y = 0; y < height; y++) {
      const from = (channel * height + y) * width
      out.set(pixels.subarray(from, from + width), (channel * side + y) * side)
    }
}
