/** @file The places that class maps are sure of, by shares instead of thresholds: no mask is needed to choose them. Torch-free. */

import type { LabelMap } from '../io/indexed-png.ts'
import { UNSURE } from '../io/label-values.ts'

export interface SureOptions {
  /** Share of all pixels of the pictures tagged with a class, those of its highest values, that are labelled with it. */
  readonly foreground: number
  /** Share of the same pixels, those of the lowest values, that are background where all tags agree. */
  readonly background: number
  /** How many times as strong as any other class a class must be. */
  readonly margin: number
}

/** For each class the value from which a pixel is surely of it, and up to which it is surely not. */
export interface SureLevels {
  readonly high: Float64Array
  readonly low: Float64Array
}

const BINS = 4096 // of [0, 1]

/** How often each value occurs in the maps of each class: [classes, BINS]. */
export type MapCounts = readonly Float64Array[]

export function createMapCounts(classes: number): MapCounts {
  return Array.from({ length: classes }, () => new Float64Array(BINS))
}

/** Adds the maps of one picture, values in [0, 1]; those outside count as the nearer end. */
export function countMaps(counts: MapCounts, maps: ReadonlyMap<number, Float32Array>): void {
  for (const [key, map] of maps) {
    const bins = counts[key]!
    for (const value of map) bins[binOf(value)]!++
  }
}

/** The levels that leave the given shares above and below, to within 1/4096. A class without maps has levels of 1. */
export function sureLevels(
  counts: MapCounts,
  { foreground, background }: Pick<SureOptions, 'foreground' | 'background'>,
): SureLevels {
  return {
    high: Float64Array.from(counts, bins => Math.max(1, quantileBin(bins, 1 - foreground)) / BINS),
    low: Float64Array.from(counts, bins => (quantileBin(bins, background) + 1) / BINS),
  }
}

/**
 * The label of every pixel: the class whose map is highest for its level, where that is reached and `margin` times as
 * much as of any other class; background where no map is above its low level; UNSURE elsewhere.
 */
export function sureLabels(
  { width, height, maps }: { width: number; height: number; maps: ReadonlyMap<number, Float32Array> },
  { high, low }: SureLevels,
  { margin }: Pick<SureOptions, 'margin'>,
): LabelMap {
  const data = new Uint8Array(width * height)
  for (let i = 0; i < data.length; i++) {
    let [label, first, second, quiet] = [0, 0, 0, true]
    for (const [key, map] of maps) {
      const value = map[i]!
      const strength = value / high[key]!
      if (strength > first) [second, first, label] = [first, strength, key + 1]
      else if (strength > second) second = strength
      quiet &&= value <= low[key]!
    }
    data[i] = first >= 1 && first >= margin * second ? label : quiet ? 0 : UNSURE
  }
  return { width, height, data }
}

function binOf(value: number): number {
  return Math.min(BINS - 1, Math.max(0, Math.floor(value * BINS)))
}

/** The bin in which the share of all counts is reached. */
function quantileBin(bins: Float64Array, share: number): number {
  const wanted = share * bins.reduce((sum, count) => sum + count, 0)
  let seen = 0
  for (let bin = 0; bin < BINS; bin++) {
    seen += bins[bin]!
    if (seen >= wanted && seen > 0) return bin
  }
  return BINS
}
