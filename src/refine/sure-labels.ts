/** @file The pixels that an image's CAMs are sure of, by shares instead of thresholds, which need no masks to choose. Torch-free. */
import type { LabelMap } from '../io/indexed-png.ts'
import { UNSURE } from '../io/label-values.ts'

export interface SureOptions {
  /** Share of the image, the highest values of a class's map, that is labelled with the class. */
  readonly foreground: number
  /** Share of the image, the lowest values, that is background where all its classes agree. */
  readonly background: number
  /** A class must be this many times as strong as any other, each divided by its value at the foreground share. */
  readonly margin: number
}

/** Shares that suit the maps of real images (docs/adr/0003-unet.md). */
export const SURE: SureOptions = { foreground: 0.15, background: 0.4, margin: 1.5 }

const FAINTEST = 1e-3 // a map in [0, 1] that never exceeds this is empty

/**
 * The label of every pixel. Maps are divided by their value at the foreground share: the highest class, if at least 1 and
 * `margin` times any other; background where all maps are in their lowest share; UNSURE elsewhere.
 */
export function sureLabels(
  { width, height, maps }: { width: number; height: number; maps: ReadonlyMap<number, Float32Array> },
  { foreground, background, margin }: SureOptions = SURE,
): LabelMap {
  const data = new Uint8Array(width * height)
  const classes = [...maps].map(([key, map]) => {
    const sorted = map.slice().sort()
    const high = Math.max(FAINTEST, sorted[placeOf(sorted, 1 - foreground)]!)
    return { label: key + 1, map, high, low: sorted[placeOf(sorted, background)]! }
  })
  for (let i = 0; i < data.length; i++) {
    let [label, first, second, quiet] = [0, 0, 0, true]
    for (const { label: own, map, high, low } of classes) {
      const strength = map[i]! / high
      if (strength > first) [second, first, label] = [first, strength, own]
      else if (strength > second) second = strength
      quiet &&= map[i]! <= low
    }
    data[i] = first >= 1 && first >= margin * second ? label : quiet ? 0 : UNSURE
  }
  return { width, height, data }
}

function placeOf(sorted: Float32Array, share: number): number {
  return Math.min(sorted.length - 1, Math.floor(share * sorted.length))
}
