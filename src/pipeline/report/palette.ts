/** @file Colours of scores and mistakes, safe for colour-blind readers, and of classes as in mask PNGs. */
import { type LabelColour, labelColour } from '../../io/label-legend.ts'

/** Red, green, blue in 0..255. */
export type Rgb = LabelColour

/** Steps of the colour map for scores (matplotlib's inferno), 0 to 1; brightness grows all the way. */
const INFERNO: readonly Rgb[] = [
  [0, 0, 4],
  [31, 12, 72],
  [85, 15, 109],
  [136, 34, 106],
  [186, 54, 85],
  [227, 89, 51],
  [249, 140, 10],
  [249, 201, 50],
  [252, 255, 164],
]

/** Kinds of pixels of an error map. */
export const ERROR_COLOURS = {
  correct: { colour: [64, 176, 146], meaning: 'right' },
  extra: { colour: [240, 150, 30], meaning: 'painted, but background' },
  missed: { colour: [60, 120, 216], meaning: 'missed' },
  confused: { colour: [205, 75, 160], meaning: 'another class' },
  ignored: { colour: [225, 225, 225], meaning: 'not scored' },
} as const satisfies Record<string, { colour: Rgb; meaning: string }>

/** The colour of foreground class k: that of its label in mask PNGs. */
export function classColour(k: number): Rgb {
  return labelColour(k + 1)
}

/** The colour of a score in 0..1. */
export function scoreColour(score: number): Rgb {
  const at = Math.min(Math.max(score, 0), 1) * (INFERNO.length - 1)
  const low = Math.min(Math.floor(at), INFERNO.length - 2)
  return mixColours(INFERNO[low]!, INFERNO[low + 1]!, at - low)
}

/** `a` at 0, `b` at 1. */
export function mixColours(a: Rgb, b: Rgb, t: number): Rgb {
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t]
}

/** As CSS writes it. */
export function cssColour([r, g, b]: Rgb): string {
  return `rgb(${Math.round(r)} ${Math.round(g)} ${Math.round(b)})`
}
