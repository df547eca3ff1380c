/** @file From an image to label probabilities and labels: one scale, several, with or without flips (seg/infer_seg.py). */
import type { LabelMap } from '../../io/indexed-png.ts'
import { noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import type { Look, Probabilities, TrainableLabelNetwork } from '../label-network.ts'

/** Label probabilities of images [B, 3, H, W], normalised. Call in eval mode. */
export function labelProbabilities(
  network: Pick<TrainableLabelNetwork, 'forward'>,
  images: Tensor,
  { scales, flip, combine, alignCorners }: Pick<Look, 'scales' | 'flip' | 'combine' | 'alignCorners'>,
): Probabilities {
  const [height, width] = images.shape.slice(-2) as [number, number]
  const look = (scale: number, mirrored: boolean): Tensor =>
    scope(() => {
      const size = [height, width].map(side => Math.max(1, Math.trunc(side * scale)))
      const view = scale === 1 ? images : ops.upsampleBilinear2d(images, size, alignCorners)
      const logits = network.forward(mirrored ? view.flip(-1) : view)
      const full = ops.softmax(ops.upsampleBilinear2d(logits, [height, width], false), 1)
      return mirrored ? full.flip(-1) : full
    })
  return noGrad(() =>
    scope(() => {
      const single = look(1, false)
      const views = scales.flatMap(scale =>
        (flip ? [false, true] : [false]).map(mirrored => [scale, mirrored] as const),
      )
      let multi: Tensor | undefined
      for (const [scale, mirrored] of views) {
        const before = multi
        multi = scope(() => {
          const next = scale === 1 && !mirrored ? single : look(scale, mirrored)
          if (before === undefined) return next.clone()
          return combine === 'max' ? ops.maximum(before, next) : ops.add_(before, next)
        })
        if (before !== multi && before !== undefined) before.dispose()
      }
      return { single, multi: combine === 'mean' ? multi!.div(views.length) : multi! }
    }),
  )
}

/**
 * The most probable label of each pixel, the lowest where several are. Probabilities [C, h, w] of another size than
 * requested are resized bilinearly, one label at a time: a photo of 12 megapixels would need a gigabyte at once.
 */
export function bestLabels(
  probabilities: Tensor,
  { width, height }: { readonly width: number; readonly height: number },
): LabelMap {
  return noGrad(() =>
    scope(() => {
      const [labels, h, w] = probabilities.shape as [number, number, number]
      if (h === height && w === width) {
        const best = ops.argmax(probabilities, { dim: 0 })
        return { width, height, data: best.to({ dtype: 'uint8' }).toData().data }
      }
      const plane = (label: number): Tensor =>
        ops.upsampleBilinear2d(probabilities.narrow(0, label, 1).unsqueeze(0), [height, width], false)
      const highest = plane(0)
      const best = ops.zeros(highest.shape, { dtype: 'uint8', device: highest.device })
      for (let label = 1; label < labels; label++) {
        scope(() => {
          const next = plane(label)
          ops.maskedFill_(best, ops.gtScalar(next.sub(highest), 0), label)
          ops.copy_(highest, ops.maximum(next, highest))
        })
      }
      return { width, height, data: best.toData().data }
    }),
  )
}
