/** @file Label maps as RGB PNGs: a colour for each label, for programs that would lose a palette's indices. */
import { encodeImage } from './image.ts'
import type { LabelMap } from './indexed-png.ts'
import type { LabelColour } from './label-legend.ts'

/** The bytes of an RGB PNG of 8 bits, each label in the colour that `colourOf` gives it. */
export function encodeColours(
  { width, height, data }: LabelMap,
  colourOf: (label: number) => LabelColour,
): Promise<Uint8Array> {
  const palette = new Uint8Array(3 * 256)
  for (let label = 0; label < 256; label++) palette.set(colourOf(label), 3 * label)
  const pixels = new Uint8Array(data.length * 3)
  for (let i = 0, at = 0; i < data.length; i++) {
    const from = 3 * data[i]!
    pixels[at++] = palette[from]!
    pixels[at++] = palette[from + 1]!
    pixels[at++] = palette[from + 2]!
  }
  return encodeImage({ width, height, data: pixels })
}
