/** @file The pairs of positions whose affinity counts (psa/tool/pyutils.py, get_indices_of_pairs). Imports nothing. */
/** Rows and columns of a feature map. */
export interface PairGrid {
  readonly rows: number
  readonly columns: number
}

/** From a position to its neighbour: rows down, columns to the right. */
export interface Offset {
  readonly dy: number
  readonly dx: number
}

/**
 * published: a pair starts only at positions whose neighbours are all on the map, so that the left, right and bottom
 * borders, `radius - 1` wide, start none, and some corners are in no pair. corrected: every pair on the map.
 */
export type PairRule = 'published' | 'corrected'

export interface PairOptions {
  /** Distance below which positions are neighbours, in positions of the map. */
  readonly radius?: number
  readonly pairs?: PairRule
}

export const RADIUS = 5

/** Half of the disc around a position, in the published order: 34 offsets for radius 5. */
export function pairOffsets(radius: number = RADIUS): Offset[] {
  const reach = Array.from({ length: radius - 1 }, (_, i) => i + 1)
  const both = [...reach.map(dx => -dx).reverse(), 0, ...reach]
  return [
    ...reach.map(dx => ({ dy: 0, dx })),
    ...reach.flatMap(dy => both.filter(dx => dx * dx + dy * dy < radius * radius).map(dx => ({ dy, dx }))),
  ]
}

/** A rectangle of positions; empty where the map is too small. */
export interface Region extends PairGrid {
  readonly top: number
  readonly left: number
}

/** Positions where the pairs of an offset start. */
export function pairStarts(
  { rows, columns }: PairGrid,
  { dy, dx }: Offset,
  { radius = RADIUS, pairs = 'published' }: PairOptions = {},
): Region {
  const reach = radius - 1
  const [left, right, bottom] =
    pairs === 'published' ? [reach, reach, reach] : [Math.max(0, -dx), Math.max(0, dx), dy]
  return {
    top: 0,
    left,
    rows: Math.max(0, rows - bottom),
    columns: Math.max(0, columns - left - right),
  }
}
