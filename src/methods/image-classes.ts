/** @file The classes of images from their rows of 0 and 1. */
import type { Tensor } from '../torch/index.ts'

/** Classes of each row of targets [B, C], ascending. */
export function imageClasses(targets: Tensor): number[][] {
  const [batch, count] = targets.shape as [number, number]
  const values = targets.toFloat32Array()
  return Array.from({ length: batch }, (_, image) => {
    const row = [...values.subarray(image * count, (image + 1) * count)]
    return row.flatMap((value, index) => (value > 0 ? [index] : []))
  })
}
