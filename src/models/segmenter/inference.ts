/** @file From images to label scores with a Segmenter: their views at several scales, in sliding windows. */
import { rescaledSize } from '../../data/transforms/retrain.ts'
import { noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import type { Probabilities } from '../label-network.ts'
import type { Segmenter } from './segmenter.ts'
import { mixBlocks, type WindowOptions, windowScores } from './windows.ts'

export interface SegmenterInferenceOptions extends Pick<WindowOptions, 'window' | 'stride'> {
  /** Sizes of the views, relative to that of scale 1. */
  readonly scales: readonly number[]
  /** Also use the flip at each scale. */
  readonly flip: boolean
  /** The shorter side at scale 1; null: the image's own. */
  readonly shortSide: number | null
  /** Weight of the masks before the decoder's last block (mixBlocks). */
  readonly blockEnsemble: number
}

/** The longer side of a view is at most this many shorter ones, as published. */
export const MAX_RATIO = 8

/** Scores of images [B, 3, H, W] at scale 1 alone, and of all views; as labelProbabilities gives them. */
export function segmenterProbabilities(
  network: Segmenter,
  images: Tensor,
  { scales, flip, window, stride, shortSide, blockEnsemble }: SegmenterInferenceOptions,
): Probabilities {
  const [height, width] = images.shape.slice(-2) as [number, number]
  const look = (at: readonly number[], mirrored: boolean): Tensor =>
    scope(() => {
      const short = shortSide ?? Math.min(height, width)
      const views = at.map(scale => {
        const bounds = { long: MAX_RATIO * short * scale, short: short * scale }
        const size = rescaledSize({ width, height }, bounds)
        const same = size.width === width && size.height === height
        return same ? images : ops.upsampleBilinear2d(images, [size.height, size.width], false)
      })
      const withEarly = blockEnsemble > 0
      const options = { window, stride, flip: mirrored, withEarly }
      return mixBlocks(windowScores(network, views, { width, height }, options), { weight: blockEnsemble })
    })
  return noGrad(() => scope(() => ({ single: look([1], false), multi: look(scales, flip) })))
}
