/** @file Gaussian sums over position and colour: by the lattice of the dense CRF, or exact. */
import type { RgbImage } from '../io/image.ts'
import { addonThreads, namedError, pixelsAddon } from '../io/pixels-addon.ts'
import { noGrad, ops, scope, type Tensor, tensor } from '../torch/index.ts'
import { crfMemory } from './crf-memory.ts'
import type { BilateralTerm } from './crf-parameters.ts'
import { refuseLarge } from './refuse-large.ts'

export interface BilateralFilterOptions extends Pick<BilateralTerm, 'sxy' | 'srgb'> {
  /** lattice: fast, with a gain of 0.4 to 0.7 in place of 1 (pydensecrf's, not normalised); exact: all pairs of pixels. */
  readonly filter?: BilateralFilterKind
  /** What messages call the image. */
  readonly name?: string
}

export type BilateralFilterKind = 'lattice' | 'exact'

/**
 * Each plane [K, H, W] at pixel i: sum over j of exp(-|p_i - p_j|^2 / 2 sxy^2 - |I_i - I_j|^2 / 2 srgb^2) times its value at j; no
 * gradient. On the CPU, for the lattice. Throws InputError.
 */
export function bilateralFilter(
  image: RgbImage,
  planes: Tensor,
  { sxy, srgb, filter = 'lattice', name = 'bilateral filter' }: BilateralFilterOptions,
): Tensor {
  const deviations = [pair(sxy), triple(srgb)].flat()
  return scope(() =>
    noGrad(() => {
      const filtered =
        filter === 'exact'
          ? exactSums(image, planes, { deviations, name })
          : latticeSums(image, planes, { deviations, name })
      return filtered.reshape(...planes.shape)
    }),
  )
}

interface Filter {
  /** x, y, red, green, blue. */
  readonly deviations: readonly number[]
  readonly name: string
}

function latticeSums(
  { width, height, data: image }: RgbImage,
  planes: Tensor,
  { deviations, name }: Filter,
): Tensor {
  const labels = planes.size(0)
  const what = `the lattice of ${width} x ${height} pixels and ${labels} planes`
  refuseLarge(crfMemory({ pixels: width * height, labels }), { name, what })
  const request = {
    width,
    height,
    labels,
    threads: addonThreads(undefined, name),
    image,
    planes: planes.toFloat32Array(),
    bilateral: Float64Array.of(...deviations, 1),
  }
  try {
    return tensor(pixelsAddon().bilateralFilterNow(request)).to({ device: planes.device })
  } catch (cause) {
    throw namedError(cause, name)
  }
}

function exactSums({ width, height, data }: RgbImage, planes: Tensor, { deviations, name }: Filter): Tensor {
  const pixels = width * height
  const what = `all pairs of ${width} x ${height} pixels, 3 times`
  refuseLarge(12 * pixels ** 2, { name, what })
  const features = deviations.map((deviation, axis) =>
    tensor(
      Float32Array.from({ length: pixels }, (_, p) => {
        const place = axis === 0 ? p % width : axis === 1 ? Math.floor(p / width) : data[3 * p + axis - 2]!
        return place / deviation
      }),
    ).to({ device: planes.device }),
  )
  const distances = ops.zeros([pixels, pixels], { device: planes.device })
  for (const feature of features)
    scope(() => {
      const difference = feature.unsqueeze(1).sub(feature)
      ops.addcmul_(distances, difference, difference)
    })
  return planes.reshape(-1, pixels).matmul(distances.mul(-0.5).exp())
}

function pair(value: number | readonly [number, number]): number[] {
  return typeof value === 'number' ? [value, value] : [...value]
}

function triple(value: number | readonly [number, number, number]): number[] {
  return typeof value === 'number' ? [value, value, value] : [...value]
}
