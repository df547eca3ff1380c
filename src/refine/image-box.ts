/** @file Where a training crop shows its image. Imports torch only. */
import { IGNORE } from '../io/label-values.ts'
import { ops, scope, type Tensor } from '../torch/index.ts'

/** Rows and columns of an image within its crop: [top, bottom) and [left, right); beyond the crop is cut off. */
export interface ImageBox {
  readonly top: number
  readonly bottom: number
  readonly left: number
  readonly right: number
}

/** A view [..., h, w] of what lies in the box; the whole without one. */
export function cutToBox(planes: Tensor, box: ImageBox | undefined): Tensor {
  if (box === undefined) return planes
  const [bottom, right] = [Math.min(box.bottom, planes.size(-2)), Math.min(box.right, planes.size(-1))]
  return planes.narrow(-2, box.top, bottom - box.top).narrow(-1, box.left, right - box.left)
}

/** Labels [H, W] with 255 outside the box. */
export function insideBox(labels: Tensor, box: ImageBox | undefined): Tensor {
  if (box === undefined) return labels
  return scope(() => {
    const result = ops.fullLike(labels, IGNORE)
    ops.copy_(cutToBox(result, box), cutToBox(labels, box))
    return result
  })
}
