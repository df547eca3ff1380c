/** @file Outlines of the parts of a label map along the edges of its pixels, with their holes, simplified within a tolerance. */
import type { Box, LabelPixels } from './regions.ts'

/**
 * Points of a closed line, x and y in turn: x0, y0, x1, y1, ... The first is not repeated at the end; at least three. In
 * pixels from the upper left corner of the image, so that the first pixel covers 0 to 1.
 */
export type Ring = readonly number[]

/** One connected part of a label. */
export interface Outline {
  readonly label: number
  /** Pixels of the part; a polygon of tolerance 0 has this area. */
  readonly area: number
  /** Of the pixels. */
  readonly box: Box
  /** Clockwise as one sees it (y downwards). */
  readonly outer: Ring
  /** The other way round. They touch each other and `outer` in single points at most. */
  readonly holes: readonly Ring[]
}

export interface OutlineOptions {
  /** Largest distance between the edges of the pixels and the polygon, pixels; 0 keeps every corner. */
  readonly tolerance?: number
}

/**
 * Outlines of all parts of all labels but background and void (255, a hole where it is inside), by label, then row by row.
 * Parts that touch share their line, also simplified. Up to a tolerance of 0.5, filling the pixels whose centres are inside gives
 * back exactly the mask.
 */
export function outlinesOf(_labels: LabelPixels, _options: OutlineOptions = {}): Outline[] {
  throw new Error('not there yet')
}

/** One ring for formats without holes: cuts of no width lead from the outer ring to each hole and back. */
export function bridgedRing(_outline: Pick<Outline, 'outer' | 'holes'>): Ring {
  throw new Error('not there yet')
}
