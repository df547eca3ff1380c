/** @file How strong an image's edges are along the contours of its CAMs, for each threshold; docs/adr/0004-threshold-without-masks.md. */
import type { Cams } from './threshold-sweep.ts'

const LEVELS = 100 // thresholds 0.00 to 1.00
const STEP = 2 // pixels from one of a pair to the other
const SMOOTH = 3 // levels to either side

/** Colour differences across the contours at each threshold, in units of their image's mean, and how many there are. */
export interface ContourEdges {
  readonly strength: Float64Array
  readonly pairs: Float64Array
}

export function createContourEdges(): ContourEdges {
  return { strength: new Float64Array(LEVELS + 2), pairs: new Float64Array(LEVELS + 2) }
}

/** Adds one image: CAMs and RGB [height, width, 3] of the same small size, some hundred pixels wide. */
export function addContours(edges: ContourEdges, { width, height, maps }: Cams, rgb: Uint8Array): void {
  const best = new Float32Array(width * height)
  for (const plane of maps.values())
    for (let i = 0; i < best.length; i++) if (plane[i]! > best[i]!) best[i] = plane[i]!
  const strength = new Float64Array(LEVELS + 2)
  let [all, count] = [0, 0]
  const pair = (i: number, j: number): void => {
    const difference =
      Math.abs(rgb[3 * i]! - rgb[3 * j]!) +
      Math.abs(rgb[3 * i + 1]! - rgb[3 * j + 1]!) +
      Math.abs(rgb[3 * i + 2]! - rgb[3 * j + 2]!)
    all += difference
    count++
    // a contour at t passes between them where lower < t <= higher
    const from = Math.ceil(Math.min(best[i]!, best[j]!) * LEVELS)
    const to = Math.min(LEVELS + 1, Math.ceil(Math.max(best[i]!, best[j]!) * LEVELS))
    if (to <= from) return
    strength[from] = strength[from]! + difference
    strength[to] = strength[to]! - difference
    edges.pairs[from] = edges.pairs[from]! + 1
    edges.pairs[to] = edges.pairs[to]! - 1
  }
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x
      if (x + STEP < width) pair(i, i + STEP)
      if (y + STEP < height) pair(i, i + STEP * width)
    }
  }
  const mean = all / Math.max(1, count)
  if (mean > 0)
    for (let t = 0; t < strength.length; t++) edges.strength[t] = edges.strength[t]! + strength[t]! / mean
}

const FEWEST = 50 // pairs: fewer say nothing

/** The lowest threshold along whose contours the edges are `level` times as strong as elsewhere; undefined where they never are. */
export function contourThreshold(edges: ContourEdges, level: number): number | undefined {
  const means = new Float64Array(LEVELS + 1).fill(Number.NaN)
  let [sum, pairs] = [0, 0]
  for (let t = 0; t <= LEVELS; t++) {
    sum += edges.strength[t]!
    pairs += edges.pairs[t]!
    if (pairs >= FEWEST) means[t] = sum / pairs
  }
  for (let t = 1; t < LEVELS; t++) {
    const near = means.subarray(Math.max(0, t - SMOOTH), t + SMOOTH + 1).filter(mean => !Number.isNaN(mean))
    if (near.length > 0 && near.reduce((a, b) => a + b, 0) / near.length >= level) return t / LEVELS
  }
  return undefined
}
