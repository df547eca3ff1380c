/** @file Parity of the transforms of psa/ and seg/: crops, flips, sizes, and the training samples of segmentation (`psa_seg_transforms`). */
import { z } from 'zod'
import { flipHorizontal } from '../../../src/data/transforms/crop.ts'
import { drawCut } from '../../../src/data/transforms/cut.ts'
import { nearestIndices } from '../../../src/data/transforms/cv2-resize.ts'
import { IMAGENET, normalise } from '../../../src/data/transforms/normalise.ts'
import { resize } from '../../../src/data/transforms/resize.ts'
import { roundHalfEven } from '../../../src/data/transforms/rounding.ts'
import { drawPlacement, placeImage, placeLabels } from '../../../src/data/transforms/segment.ts'
import type { RgbImage } from '../../../src/io/image.ts'
import { type TensorData, toFloat32Array, toFloat64Array } from '../../../src/io/tensor-data.ts'
import { type Comparison, compareExact, compareFloat, mismatch } from '../comparison.ts'
import { type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'

export const psaSegTransforms: Kind = {
  name: 'PSA and segmentation transforms',
  matches: ({ source, hasPrefix }) => /exutils\.py/.test(source) && hasPrefix('seg.chunk.'),
  check,
}

const TOLERANCE = 1e-6 // normalised pixels; bytes, labels and sizes must be exact
const RESCALE = 1 / 8 // psa's RescaleNearest, the stride of its feature maps

const draws = z.array(z.tuple([z.enum(['randrange', 'getrandbits']), z.int(), z.int()]))

const transformConfig = z.object({
  crop: z.int().positive(),
  draws: z.object({
    random_crop: draws,
    random_crop_pair: draws,
    center_crop: draws.length(0),
    rescale_nearest: draws.length(0),
    flip: draws,
  }),
  chunk: z.array(
    z.object({
      scale: z.number(),
      flip_p: z.number(),
      crop_size: z.int().positive(),
      uniform_draws_used: z.array(z.number()),
    }),
  ),
})
type Config = z.infer<typeof transformConfig>

/** Height x width of `channels` values. */
interface Grid {
  readonly height: number
  readonly width: number
  readonly channels: number
  readonly data: ArrayLike<number>
}

function check(fixture: Fixture): Comparison[] {
  const config = parseConfig(fixture, transformConfig)
  const sample = normalised(imageOf(tensorOf(fixture, 'in.image_rgb')))
  const labels = gridOf(tensorOf(fixture, 'in.label'))
  const image = imageOf(tensorOf(fixture, 'in.image_rgb'))
  const outputs = [...fixture.tensors].filter(([name]) => name.startsWith('psa.'))
  return [
    ...outputs.map(([name, want]) => checkPsa(name, want, { sample, labels, image, config })),
    ...config.chunk.flatMap((_, i) => checkChunk(fixture, i, config)),
  ]
}

function checkPsa(
  name: string,
  want: TensorData,
  { sample, labels, image, config }: { sample: Grid; labels: Grid; image: RgbImage; config: Config },
): Comparison {
  const { crop, draws } = config
  switch (name) {
    case 'psa.normalize':
      return compareFloat(name, sample.data, toFloat32Array(want), TOLERANCE)
    case 'psa.random_crop.0': {
      const { data } = cropped(sample, crop, 0, drawn(draws.random_crop, sample, crop))
      return compareFloat(name, data, toFloat32Array(want), TOLERANCE)
    }
    case 'psa.random_crop_pair.0': {
      const { data } = cropped(sample, crop, 0, drawn(draws.random_crop_pair, sample, crop))
      return compareFloat(name, data, toFloat32Array(want), TOLERANCE)
    }
    case 'psa.random_crop_pair.1':
      return exact(name, cropped(labels, crop, 255, drawn(draws.random_crop_pair, labels, crop)), want)
    case 'psa.center_crop.0':
      return exact(name, cropped(labels, crop, 255, centred(labels, crop)), want)
    case 'psa.rescale_nearest.0': {
      const [height, width] = [labels.height, labels.width].map(side => roundHalfEven(side * RESCALE)) as [
        number,
        number,
      ]
      const rows = nearestIndices(labels.height, height, RESCALE)
      const columns = nearestIndices(labels.width, width, RESCALE)
      const data = Array.from(rows, row =>
        Array.from(columns, column => labels.data[row * labels.width + column]!),
      )
      return exact(name, { height, width, channels: 1, data: data.flat() }, want)
    }
    case 'psa.flip.0': {
      if (draws.flip[0]?.[2] === 0) return exact(name, labels, want)
      const grey = Uint8Array.from(
        { length: labels.data.length * 3 },
        (_, i) => labels.data[Math.floor(i / 3)]!,
      )
      const mirrored = flipHorizontal({ ...labels, data: grey }).data.filter((_, i) => i % 3 === 0)
      return exact(name, { ...labels, data: mirrored }, want)
    }
    case 'psa.resize_long_sizes': {
      const rows = chunks([...toFloat64Array(want)], 5)
      const got = rows.flatMap(([width = 0, height = 0, long = 0]) => [
        width,
        height,
        long,
        ...longSide({ width, height }, long),
      ])
      return compareExact(name, got, rows.flat())
    }
    case 'psa.resize_long': {
      const [height = 0, width = 0] = want.shape
      const [ownWidth, ownHeight] = longSide(image, Math.max(width, height))
      return exact(name, { ...resize(image, { width: ownWidth, height: ownHeight }), channels: 3 }, want)
    }
    default:
      return mismatch(name, 'a tensor this kind does not know')
  }
}

/** One training sample of segmentation with the draws of the file, as seg/tool/exutils.py made it. */
function checkChunk(fixture: Fixture, n: number, { chunk }: Config): Comparison[] {
  const { scale, flip_p, crop_size: side, uniform_draws_used } = chunk[n]!
  const image = imageOf(tensorOf(fixture, 'in.image_rgb'))
  const labels = imageOf(tensorOf(fixture, 'in.label'))
  const uniforms = [flip_p, ...uniform_draws_used]
  let asked = 0
  const random = { uniform: () => uniforms[asked++] ?? Number.NaN }
  const placement = drawPlacement(image, { cropSize: side, flip: 0.5 }, { scale, random })
  const pixels = new Float64Array(3 * side * side)
  placeImage(image, placement, { ...IMAGENET, side, out: pixels })
  const own = new Uint8Array(side * side)
  placeLabels(labels, placement, { side, padding: 'background', out: own })
  const original = Uint8Array.from(pixels, (value, i) => {
    const channel = Math.floor(i / (side * side))
    return Math.trunc((value * IMAGENET.std[channel]! + IMAGENET.mean[channel]!) * 255)
  })
  const at = `seg.chunk.${n}`
  return [
    compareExact(`config.chunk.${n}.uniform_draws_used`, [asked], [uniforms.length]),
    compareFloat(`${at}.image`, pixels, toFloat32Array(tensorOf(fixture, `${at}.image`)), TOLERANCE),
    compareExact(`${at}.label`, own, tensorOf(fixture, `${at}.label`).data),
    compareExact(`${at}.original`, original, tensorOf(fixture, `${at}.original`).data),
  ]
}

type Cut = ReturnType<typeof drawCut>

/** Replays the draws; a range that is not ours makes the result not a number. */
function drawn(given: Config['draws']['random_crop'], grid: Grid, side: number): Cut {
  let asked = 0
  return drawCut(grid, side, {
    integer(_, high) {
      const [, range, value] = given[asked++] ?? ['', -1, Number.NaN]
      return range === high + 1 ? value : Number.NaN
    },
  })
}

/** psa's CenterCrop: half of what is over, on the side where it is over. */
function centred(grid: Grid, side: number): Cut {
  return drawCut(grid, side, { integer: (_, high) => roundHalfEven(high / 2) })
}

function cropped({ width, channels, data }: Grid, side: number, fill: number, cut: Cut): Grid {
  const values = Array.from({ length: side * side * channels }, (_, i) => {
    const place = Math.floor(i / channels)
    const [row, column] = [Math.floor(place / side) - cut.y, (place % side) - cut.x]
    const inside = row >= 0 && column >= 0 && row < cut.height && column < cut.width
    const from = (cut.top + row) * width + cut.left + column
    return inside ? data[from * channels + (i % channels)]! : fill
  })
  return { width: side, height: side, channels, data: values }
}

/** psa's RandomResizeLong. */
function longSide({ width, height }: { width: number; height: number }, long: number): [number, number] {
  if (width < height) return [roundHalfEven((width * long) / height), long]
  return [long, roundHalfEven((height * long) / width)]
}

function exact(name: string, { height, width, channels, data }: Grid, want: TensorData): Comparison {
  const shape = channels === 1 ? [height, width] : [height, width, channels]
  if (shape.join() !== want.shape.join()) return mismatch(name, `shape [${shape}] for [${want.shape}]`)
  return compareExact(name, data, toFloat64Array(want))
}

/** psa's Normalize: the network's input, channels last. */
function normalised(image: RgbImage): Grid {
  const planes = normalise(image)
  const area = image.width * image.height
  const data = Float32Array.from(planes, (_, i) => planes[(i % 3) * area + Math.floor(i / 3)]!)
  return { width: image.width, height: image.height, channels: 3, data }
}

function gridOf({ shape, data }: TensorData): Grid {
  const [height = 0, width = 0, channels = 1] = shape
  return { height, width, channels, data }
}

function imageOf({ shape: [height = 0, width = 0], data }: TensorData): RgbImage {
  return { width, height, data }
}

/** An image [H, W, 3] as network input [3, H, W]. */
export function normalisedImage(sample: TensorData): Float32Array {
  return normalise(imageOf(sample))
}

function chunks(values: readonly number[], size: number): number[][] {
  return Array.from({ length: values.length / size }, (_, i) => values.slice(i * size, (i + 1) * size))
}
