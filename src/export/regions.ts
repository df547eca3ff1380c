/** @file Connected parts of a label map. Imports nothing. */

/** Labels, height * width row by row: what images of an export and label maps have in common. */
export interface LabelPixels {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

/** In pixels; the right and lower edge are x + width and y + height. */
export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** A connected part of one label. */
export interface Region {
  readonly label: number
  /** Pixels. */
  readonly area: number
  readonly box: Box
}

export interface Regions {
  /** Index in `list` of each pixel, height * width. */
  readonly ofPixel: Int32Array
  /** In the order of their first pixels, row by row. */
  readonly list: readonly Region[]
}

/**
 * The parts of all labels, background and void included. Pixels are connected by their edges (4): parts that touch at a
 * corner alone stay apart, so that the inside of every outline is connected and its rings never cross themselves.
 */
export function regionsOf(_labels: LabelPixels): Regions {
  throw new Error('not there yet')
}
