/** @file The places of an image that its CAMs are sure of, by shares instead of thresholds: no mask is needed to choose them. Torch-free. */
import type { LabelMap } from '../io/indexed-png.ts'
import { UNSURE } from '../io/label-values.ts'

export interface SureOptions {
  /** Share of the image, the highest values of a class's map, that is labelled with the class. */
  readonly foreground: number
  /** Share of the image, the lowest values, that is background where all its classes agree. */
  readonly background: number
  /** How many times as strong as any other class a class must be, each by the value that its share begins with. */
  readonly margin: number
}

/** Shares that suit the maps of real images (docs/adr/0003-unet.md). */
export const SURE: SureOptions = { foreground: 0.15, background: 0.4, margin: 1.5 }

const FAINTEST = 1e-3 // a map in [0, 1] that is lower is of nothing

/**
 * The label of every pixel: the class whose map is highest for where its share begins, where it is in that share and
 * `margin` times as strong as any other; background where all maps are in their lowest share; UNSURE elsewhere.
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
