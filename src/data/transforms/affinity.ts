/** @file The transform of AffinityNet's training: an image and its label scores cut and flipped alike (psa/voc12/data.py). */
import { InputError } from '../../errors.ts'
import type { RgbImage } from '../../io/image.ts'
import type { LabelMap } from '../../io/indexed-png.ts'
import { IGNORE } from '../../io/label-values.ts'
import type { Random } from '../random.ts'
import type { ScoreVolumes } from '../score-volumes.ts'
import { type ColourJitterOptions, colourJitter } from './colour-jitter.ts'
import { flipHorizontal } from './crop.ts'
import { blank, type Cut, drawCut, flippedCut, pasted } from './cut.ts'
import { IMAGENET, type Normalisation, normalise } from './normalise.ts'
import { resize } from './resize.ts'

/** Cells whose best score is below this lie in the padding. */
const NO_SCORE = 1e-5

export interface AffinityTransform extends Normalisation {
  /** Side of the crop, a multiple of `stride`. */
  readonly cropSize: number
  /** Pixels from one label to the next. */
  readonly stride: number
  /** Longer side of a resized image, pixels, [shortest, longest]: drawn; null: as it is. With a label map alone. */
  readonly longSide: readonly [number, number] | null
  /** Probability of a flip. */
  readonly flip: number
  readonly jitter: ColourJitterOptions | false
  /** Padding of images smaller than the crop. published: black; corrected: the mean colour, as at inference. */
  readonly padding: 'published' | 'corrected'
}

/** PSA's options. */
export const AFFINITY_TRANSFORM: AffinityTransform = {
  cropSize: 448,
  stride: 8,
  longSide: null,
  flip: 0.5,
  jitter: { brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.1 },
  padding: 'published',
  ...IMAGENET,
}

/**
 * One training sample: normalised pixels [3, S, S] and labels [S / stride, S / stride] into `out`. A label is 0 where even
 * the scores of the high exponent say background, 1 + class where those of the low one say a class, else 255.
 * Throws InputError naming `file` when the scores are of another size than the image.
 */
export function affinitySample(
  { image, scores, file }: { image: RgbImage; scores: ScoreVolumes; file: string },
  transform: AffinityTransform,
  random: Random,
  out: { readonly pixels: Float32Array; readonly labels: Uint8Array },
): void {
  if (scores.width !== image.width || scores.height !== image.height) {
    throw new InputError(file, `the label scores are ${scores.width} x ${scores.height} pixels`, {
      expected: `the image has ${image.width} x ${image.height}`,
    })
  }
  const { cropSize, stride } = transform
  const place = placeImage(image, transform, random, out.pixels)
  labelCells(scores, place.cut, { side: cropSize / stride, stride, ...place, labels: out.labels })
}

/**
 * One training sample from a label map (semformer, tools/ai/augment_utils.py): the image resized bicubically to a drawn size,
 * its labels nearest, and of each cell the pixel at its centre; 255 in the padding. The label map may be that of a
 * smaller image of the same shape, then the image is reduced to it. Throws InputError naming `file` for other sizes.
 */
export function labelledAffinitySample(
  { image, labels, file }: { image: RgbImage; labels: LabelMap; file: string },
  transform: AffinityTransform,
  random: Random,
  out: { readonly pixels: Float32Array; readonly labels: Uint8Array },
): void {
  const { width, height } = labels
  if (Math.abs(width * image.height - height * image.width) > Math.max(image.width, image.height)) {
    throw new InputError(file, `the labels are ${width} x ${height} pixels`, {
      expected: `the image has ${image.width} x ${image.height}`,
    })
  }
  const { cropSize, stride, longSide } = transform
  const factor = longSide === null ? 1 : random.integer(...longSide) / Math.max(width, height)
  const size = {
    width: Math.max(1, Math.round(width * factor)),
    height: Math.max(1, Math.round(height * factor)),
  }
  const { cut, flipped } = placeImage(resize(image, size), transform, random, out.pixels)
  const side = cropSize / stride
  for (const [cell] of out.labels.entries()) {
    const [y, x] = [Math.floor(cell / side), cell % side].map(i => i * stride + Math.floor(stride / 2)) as [
      number,
      number,
    ]
    const row = y - cut.y
    const column = (flipped ? cropSize - 1 - x : x) - cut.x
    const inside = row >= 0 && row < cut.height && column >= 0 && column < cut.width
    const from = (at: number, [own, scaled]: [number, number]): number =>
      Math.floor(((at + 0.5) * own) / scaled)
    out.labels[cell] = inside
      ? labels.data[
          from(cut.top + row, [height, size.height]) * width + from(cut.left + column, [width, size.width])
        ]!
      : IGNORE
  }
}

/** A crop of the image, jittered and perhaps flipped, normalised into `pixels`; returns where it was. */
function placeImage(
  image: RgbImage,
  transform: AffinityTransform,
  random: Random,
  pixels: Float32Array,
): { cut: Cut; flipped: boolean } {
  const { cropSize, jitter, padding, flip } = transform
  const coloured = jitter === false ? image : colourJitter(image, jitter, random)
  const cut = drawCut(image, cropSize, random)
  const flipped = random.uniform(0, 1) < flip
  const square = pasted(coloured, cut, cropSize)
  normalise(flipped ? flipHorizontal(square) : square, transform, pixels)
  if (padding === 'corrected') blank(pixels, flipped ? flippedCut(cut, cropSize) : cut, cropSize)
  return { cut, flipped }
}

/** Mean scores of each cell, and the label they give. */
function labelCells(
  { width, channels, low, high }: ScoreVolumes,
  cut: Cut,
  { side, stride, flipped, labels }: { side: number; stride: number; flipped: boolean; labels: Uint8Array },
): void {
  const cells = side * side
  const columns = Int32Array.from({ length: cut.width }, (_, i) => {
    const column = Math.floor((cut.x + i) / stride)
    return flipped ? side - 1 - column : column
  })
  const sums = [low, high].map(volume =>
    cellSums(volume, { width, channels, cut, columns, side, stride }),
  ) as [Float64Array, Float64Array]
  for (let cell = 0; cell < cells; cell++) {
    const [likely, certain] = [best(sums[0], cell, cells), best(sums[1], cell, cells)]
    const known = Math.max(likely.sum, certain.sum) / (stride * stride) >= NO_SCORE
    if (!known) labels[cell] = IGNORE
    else if (certain.channel === 0) labels[cell] = 0
    else labels[cell] = likely.channel === 0 ? IGNORE : likely.channel
  }
}

interface CellOptions {
  readonly width: number
  readonly channels: number
  readonly cut: Cut
  /** Cell column of each column of the cut. */
  readonly columns: Int32Array
  readonly side: number
  readonly stride: number
}

/** [channels, cells] */
function cellSums(
  volume: Float32Array,
  { width, channels, cut, columns, side, stride }: CellOptions,
): Float64Array {
  const area = volume.length / channels
  const sums = new Float64Array(channels * side * side)
  for (let channel = 0; channel < channels; channel++) {
    for (let row = 0; row < cut.height; row++) {
      const from = channel * area + (cut.top + row) * width + cut.left
      const line = (channel * side + Math.floor((cut.y + row) / stride)) * side
      for (let i = 0; i < cut.width; i++) {
        const to = line + columns[i]!
        sums[to] = sums[to]! + volume[from + i]!
      }
    }
  }
  return sums
}

/** The channel of the largest sum in a cell, the first of equals. */
function best(sums: Float64Array, cell: number, cells: number): { channel: number; sum: number } {
  let [channel, sum] = [0, sums[cell]!]
  for (let i = cell + cells, c = 1; i < sums.length; i += cells, c++) {
    if (sums[i]! > sum) [channel, sum] = [c, sums[i]!]
  }
  return { channel, sum }
}
