/** @file CAMs: the classifier's responses times the class-relative attention, over scales and flips (SemFormer, section 3.3.1; inference_semformer.py). */
import { noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import type { FlipOption, ImageOfViews } from '../multi-scale.ts'
import type { Semformer } from './model.ts'

export interface SemformerMapOptions {
  /** Times the attention of each class token to the patches (CRA), or that alone. */
  readonly relevance?: boolean | 'alone'
  /** Number of last blocks whose attention is summed for it. */
  readonly layers?: number
  /** Of the responses: what the code does (relu), or the paper's activation maps (sigmoid). */
  readonly activation?: 'relu' | 'sigmoid'
}

export interface SemformerCamOptions extends SemformerMapOptions {
  /** Over scales and flips. */
  readonly merge?: 'sum' | 'mean' | 'max'
}

const EPS = 1e-5

/** Maps [B, C, h, w] of the classes of images [B, 3, H, W], without the background. Call without autograd. */
export function semformerMaps(
  network: Semformer,
  images: Tensor,
  { relevance = true, layers = 4, activation = 'relu' }: SemformerMapOptions = {},
): Tensor {
  return scope(() => {
    const { logits, attended } = lookAt(network, images, { layers: relevance ? layers : 0 })
    const active = activation === 'relu' ? logits.relu() : logits.sigmoid()
    const maps = relevance === 'alone' ? attended : relevance ? active.mul(attended) : active
    return maps.narrow(1, 1, network.numClasses - 1)
  })
}

/** Responses, and the attention of the class tokens to the patches in the last layers, mean over the heads, each stretched to [0, 1]. Both [B, K, h, w] */
export function lookAt(
  network: Semformer,
  images: Tensor,
  { layers }: { layers: number },
): { logits: Tensor; attended: Tensor } {
  return scope(() => {
    const { numClasses, backbone } = network
    const { rows, columns } = network.grid(images)
    const first = backbone.model.blocks.length - layers
    const sum = ops.zeros([images.size(0), numClasses, rows * columns], { device: images.device })
    const logits = network.logits(images, {
      records: layer => (layer < first ? undefined : { meanRows: numClasses }),
      recorded({ mean }) {
        scope(() => ops.add_(sum, mean!.narrow(2, numClasses, rows * columns)))
        mean!.dispose()
      },
    })
    return { logits, attended: stretched(sum).reshape(...logits.shape) }
  })
}

/** (a - min) / (max - min + 1e-5) over the last axis. */
export function stretched(values: Tensor): Tensor {
  const low = ops.amin(values, { dim: [-1], keepdim: true })
  const high = ops.amax(values, { dim: [-1], keepdim: true })
  return values.sub(low).div(high.sub(low).add(EPS))
}

const STRIDE = 16 // the code resizes maps to multiples of it and cuts, so that they are a little larger than the image

/** CAMs [K, H, W] in [0, 1] of images, each at its `size` or that of its first view; their views have the same sizes. */
export function semformerCams(
  network: Semformer,
  images: readonly ImageOfViews[],
  { flip = true, merge = 'sum', ...options }: FlipOption & SemformerCamOptions = {},
): Tensor[] {
  return noGrad(() =>
    scope(() =>
      viewMaps(network, images, { flip, ...options }).map((maps, i) => {
        const { views, size = views[0]!.shape.slice(-2) } = images[i]!
        return mergeMaps(maps, { size, merge, at: size.map(side => Math.ceil(side / STRIDE) * STRIDE) })
      }),
    ),
  )
}

/** Of each image the maps [K, h, w] of its classes: of each view, and of its flip, flipped back. */
export function viewMaps(
  network: Semformer,
  images: readonly ImageOfViews[],
  { flip = true, ...options }: FlipOption & SemformerMapOptions = {},
): Tensor[][] {
  const own = images.map((): Tensor[] => [])
  for (const scale of images[0]!.views.keys()) {
    const made = scope(() => {
      const each = images.map(({ views }) => views[scale]!)
      const seen = ops.cat(flip ? [...each, ...each.map(view => view.flip(-1))] : each)
      const maps = semformerMaps(network, seen, options)
      return images.map(({ classes }, i) => {
        const of = (row: number): Tensor => {
          const ofImage = maps.select(0, row)
          return ops.cat(classes.map(index => ofImage.narrow(0, index, 1))) // [K, h, w]
        }
        return [of(i), ...(flip ? [of(images.length + i).flip(-1)] : [])]
      })
    })
    for (const [i, maps] of made.entries()) own[i]!.push(...maps)
  }
  return own
}

/** Maps [K, h, w] resized to `at`, merged, cut to `size`, and over their largest value + 1e-5. */
export function mergeMaps(
  maps: readonly Tensor[],
  {
    size,
    at = size,
    merge = 'sum',
  }: { size: readonly number[]; at?: readonly number[]; merge?: 'sum' | 'mean' | 'max' },
): Tensor {
  return scope(() => {
    const resized = (map: Tensor): Tensor => ops.upsampleBilinear2d(map.unsqueeze(0), at, false).select(0, 0)
    let merged = resized(maps[0]!)
    for (const map of maps.slice(1)) {
      if (merge === 'max') merged = scope(() => ops.maximum(merged, resized(map)))
      else scope(() => ops.add_(merged, resized(map)))
    }
    const whole = merge === 'mean' ? merged.div(maps.length) : merged
    const cut = whole.narrow(1, 0, size[0]!).narrow(2, 0, size[1]!)
    return cut.div(ops.amax(cut, { dim: [-2, -1], keepdim: true }).add(EPS))
  })
}
