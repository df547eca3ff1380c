/** @file Inference with sliding windows of the training size, at several scales, flipped or not (segm/model/utils.py, eval/miou.py). */
import { noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import { TOGETHER } from '../encoder-memory.ts'
import type { Segmenter, SegmenterLogits } from './segmenter.ts'

export interface WindowOptions {
  /** Side of a window, pixels, as published that of the training crop; whole: one window over the whole view. */
  readonly window: number | 'whole'
  /** Pixels from one window to the next; the last one ends at the border. */
  readonly stride: number
  /** Also use the flip of each view. */
  readonly flip?: boolean
  /** Also read the masks before the decoder's last block. */
  readonly withEarly?: boolean
}

/** Scores of each label at each pixel [B, labels, H, W]; `early`: by the masks before the decoder's last block. */
export interface WindowScores {
  readonly last: Tensor
  readonly early: Tensor | undefined
}

/**
 * Probabilities for images of `size` from views of them [B, 3, h, w] at any scale, normalised: the mean over views of
 * the softmax of logits averaged over windows. Call in eval mode.
 */
export function windowScores(
  network: Segmenter,
  views: readonly Tensor[],
  { width, height }: { readonly width: number; readonly height: number },
  { window, stride, flip = true, withEarly = false }: WindowOptions,
): WindowScores {
  return noGrad(() =>
    scope(() => {
      const [first] = views as [Tensor]
      const shape = [first.size(0), network.decoder.clsEmb.size(1), height, width]
      const zeros = (): Tensor => ops.zeros(shape, { device: first.device })
      const sums = { last: zeros(), early: withEarly ? zeros() : undefined }
      for (const view of views) {
        scope(() => {
          const images = flip ? ops.cat([view, view.flip(-1)]) : view
          const { last, early } = slidingLogits(network, images, { window, stride, withEarly })
          ops.add_(sums.last, viewScores(last, { width, height, flip }))
          if (sums.early !== undefined && early !== undefined)
            ops.add_(sums.early, viewScores(early, { width, height, flip }))
        })
      }
      for (const sum of Object.values(sums)) if (sum !== undefined) ops.divScalar_(sum, views.length)
      return sums
    }),
  )
}

/**
 * last + weight * early: the block ensemble of the authors' evaluation (eval/miou.py, weight 0.8), which no paper mentions.
 * The scores of a pixel then add up to 1 + weight. [B, labels, H, W]
 */
export function mixBlocks({ last, early }: WindowScores, { weight }: { weight: number }): Tensor {
  return early === undefined ? last : ops.add(last, early, { alpha: weight })
}

/** Left or upper edges of the windows along a side: every `stride`, and one that ends at the border. One alone where the window is as long as the side. */
export function windowAnchors(
  length: number,
  { window, stride }: { window: number; stride: number },
): number[] {
  const last = length - window
  return [...Array.from({ length: Math.ceil(last / stride) }, (_, i) => i * stride), last]
}

/** The longer side of a view is enlarged to at most this many windows: a strip of one pixel would become gigabytes. */
const MOST_WINDOWS = 16

/** Size of a view whose shorter side is enlarged to the window, cut to whole pixels; larger views stay. */
export function enlargedSize(
  { height, width }: { height: number; width: number },
  window: number,
): { height: number; width: number } {
  if (Math.min(height, width) >= window) return { height, width }
  const along = (long: number, short: number): number =>
    Math.max(long, Math.min(Math.trunc((long / short) * window), MOST_WINDOWS * window))
  if (height < width) return { height: window, width: along(width, height) }
  return { height: along(height, width), width: window }
}

/** Mean over windows, several at a time, of the logits [B, labels, h, w] of views [B, 3, h, w], enlarged where they are below the window. */
function slidingLogits(
  network: Segmenter,
  images: Tensor,
  { window, stride, withEarly }: Required<Pick<WindowOptions, 'window' | 'stride' | 'withEarly'>>,
): SegmenterLogits {
  return scope(() => {
    const [batch, , h, w] = images.shape as [number, number, number, number]
    const { height, width } =
      window === 'whole' ? { height: h, width: w } : enlargedSize({ height: h, width: w }, window)
    const [tall, wide] = window === 'whole' ? [height, width] : [window, window]
    const view = height === h && width === w ? images : ops.upsampleBilinear2d(images, [height, width], false)
    const { device } = images
    const labels = network.decoder.clsEmb.size(1)
    const zeros = (channels: number): Tensor => ops.zeros([batch, channels, height, width], { device })
    const count = zeros(1)
    const sums = { last: zeros(labels), early: withEarly ? zeros(labels) : undefined }
    const windows = windowAnchors(height, { window: tall, stride }).flatMap(top =>
      windowAnchors(width, { window: wide, stride }).map(left => ({ top, left })),
    )
    const step = Math.max(1, Math.floor(TOGETHER / (batch * tall * wide)))
    for (let first = 0; first < windows.length; first += step) {
      const some = windows.slice(first, first + step)
      scope(() => {
        const cut = (tensor: Tensor, { top, left }: { top: number; left: number }): Tensor =>
          tensor.narrow(2, top, tall).narrow(3, left, wide)
        const { last, early } = network.logits(ops.cat(some.map(at => cut(view, at))), { withEarly })
        for (const [i, at] of some.entries()) {
          const own = (logits: Tensor): Tensor => logits.narrow(0, i * batch, batch)
          ops.add_(cut(sums.last, at), own(last))
          if (sums.early !== undefined && early !== undefined) ops.add_(cut(sums.early, at), own(early))
          ops.addScalar_(cut(count, at), 1)
        }
      })
    }
    return { last: ops.div_(sums.last, count), early: sums.early && ops.div_(sums.early, count) }
  })
}

/** Softmax at the images' size of the logits [B, labels, h, w] of views, with `flip` [2B, labels, h, w] the flips behind, averaged: [B, labels, H, W]. */
function viewScores(
  logits: Tensor,
  { width, height, flip }: { width: number; height: number; flip: boolean },
): Tensor {
  return scope(() => {
    const scores = ops.softmax(ops.upsampleBilinear2d(logits, [height, width], false), 1)
    if (!flip) return scores
    const batch = scores.size(0) / 2
    return scores
      .narrow(0, 0, batch)
      .add(scores.narrow(0, batch, batch).flip(-1))
      .div(2)
  })
}
