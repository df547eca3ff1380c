/** @file CAMs of an image after the random walk, for the pseudo masks (infer_aff.py). */
import { ops, scope, type Tensor, tensor } from '../../torch/index.ts'
import type { Affinities } from './image-affinities.ts'
import { randomWalk, type WalkOptions } from './random-walk.ts'

export interface WalkedImage {
  readonly width: number
  readonly height: number
  /** CAMs in [0, 1], each [height, width]. */
  readonly maps: ReadonlyMap<number, Float32Array>
}

/**
 * The maps after the walk, each [height, width] and divided by the walked background of 1. A pixel is background where
 * none is above the background constant (published: 0.39). The walk is linear, so this is the original's argmax for that
 * constant, and for every other.
 */
export function walkedMaps(
  { width, height, maps }: WalkedImage,
  affinities: Affinities,
  options: WalkOptions = {},
): Map<number, Float32Array> {
  const rows = walkedScores({ width, height, maps }, affinities, options)
  return scope(() => {
    const fine = upsampledScores(rows, { width, height }, affinities) // [K + 1, height, width]
    const shares = fine
      .narrow(0, 1, maps.size)
      .div(fine.narrow(0, 0, 1))
      .toFloat32Array()
    const area = width * height
    return new Map([...maps.keys()].map((key, i) => [key, shares.subarray(i * area, (i + 1) * area)]))
  })
}

/** A background of 1 and each map, averaged over the cells of the grid (0 in the padding), walked: [K + 1, rows, columns]. */
export function walkedScores(
  { width, height, maps }: WalkedImage,
  { affinity, grid, stride }: Affinities,
  options: WalkOptions = {},
): Float32Array {
  const cells = backgroundAndMaps({ width, height, maps }, { grid, stride })
  return randomWalk(cells, affinity, grid, options)
}

/** A background of 1 and each map, averaged over the cells of a grid, 0 in the padding: [K + 1, rows, columns]. */
export function backgroundAndMaps(
  { width, height, maps }: WalkedImage,
  { grid, stride }: Pick<Affinities, 'grid' | 'stride'>,
): Float32Array {
  const planes = new Float32Array((maps.size + 1) * width * height).fill(1, 0, width * height)
  for (const [i, map] of [...maps.values()].entries()) planes.set(map, (i + 1) * width * height)
  return scope(() => {
    const [right, below] = [grid.columns * stride - width, grid.rows * stride - height]
    const padded = ops.constantPadNd(tensor(planes, [maps.size + 1, height, width]), [0, right, 0, below])
    return ops.avgPool2d(padded, [stride, stride]).toFloat32Array()
  })
}

/** Scores [K, rows, columns] of a grid at the image's own size, bilinear: [K, height, width]. */
export function upsampledScores(
  scores: Float32Array,
  { width, height }: Pick<WalkedImage, 'width' | 'height'>,
  { grid: { rows, columns }, stride }: Pick<Affinities, 'grid' | 'stride'>,
): Tensor {
  return scope(() =>
    ops
      .upsampleBilinear2d(
        tensor(scores, [1, scores.length / rows / columns, rows, columns]),
        [rows * stride, columns * stride],
        false,
      )
      .select(0, 0)
      .narrow(1, 0, height)
      .narrow(2, 0, width),
  )
}
