/** @file Area and box of each label of a mask. */
import type { Box, LabelPixels } from './regions.ts'

export interface LabelArea {
  /** Pixels. */
  readonly area: number
  readonly box: Box
}

/** Of every label that is there, background and void included, by label. */
export function labelAreas({ width, height, data }: LabelPixels): ReadonlyMap<number, LabelArea> {
  const area = new Uint32Array(256)
  const left = new Int32Array(256).fill(width)
  const right = new Int32Array(256).fill(-1)
  const top = new Int32Array(256).fill(height)
  const bottom = new Int32Array(256).fill(-1)
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const label = data[i]!
      area[label]!++
      if (x < left[label]!) left[label] = x
      if (x > right[label]!) right[label] = x
      if (y < top[label]!) top[label] = y
      bottom[label] = y
    }
  const areas = new Map<number, LabelArea>()
  for (let label = 0; label < 256; label++)
    if (area[label]! > 0)
      areas.set(label, {
        area: area[label]!,
        box: {
          x: left[label]!,
          y: top[label]!,
          width: right[label]! - left[label]! + 1,
          height: bottom[label]! - top[label]! + 1,
        },
      })
  return areas
}
