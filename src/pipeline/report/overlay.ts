/** @file The views of an example as images: maps, masks and mistakes laid over the photo. Pure pixels. */
import { InputError } from '../../errors.ts'
import type { RgbImage } from '../../io/image.ts'
import type { LabelMap } from '../../io/indexed-png.ts'
import { IGNORE } from '../../io/label-values.ts'
import { mistakeColour } from './overlay-pixels.ts'
import { classColour, ERROR_COLOURS, mixColours, type Rgb, scoreColour } from './palette.ts'
import type { CamColumn, Column } from './report-data.ts'

/** Draws one view over its photo, in the photo's size. Throws InputError, naming `id`, when the sizes differ. */
export function drawColumn(photo: RgbImage, column: Column, id: string): RgbImage {
  switch (column.kind) {
    case 'photo':
      return photo
    case 'CAM':
      return drawCam(photo, column, id)
    case 'mask':
      return drawMask(photo, column.mask, id)
    case 'errors':
      return drawErrors(photo, column, id)
  }
}

/** Scores as a colour map that grows opaque with the score; a white line where they cross the threshold. */
function drawCam(photo: RgbImage, { map, threshold, title }: CamColumn, id: string): RgbImage {
  const { width } = photo
  if (map.length !== width * photo.height) throw wrongSize(id, title, `${map.length} values`, photo)
  const line = Math.max(1, Math.round(Math.max(width, photo.height) / 250)) // seen when the image is shown small
  const above = (i: number) => threshold !== undefined && map[i]! > threshold
  const onEdge = (i: number) => {
    if (!above(i)) return false
    const x = i % width
    const row = i - x
    const beside = [row + Math.max(x - line, 0), row + Math.min(x + line, width - 1)]
    const upright = [i - line * width, i + line * width].filter(at => at >= 0 && at < map.length)
    return ![...beside, ...upright].every(above)
  }
  return drawOver(photo, (i, grey) => {
    if (onEdge(i)) return [255, 255, 255]
    const score = Math.min(Math.max(map[i]!, 0), 1)
    return mixColours(grey, scoreColour(0.15 + 0.85 * score), 0.08 + 0.77 * score)
  })
}

/** A mask over its photo, in the colours of the report. Throws InputError, naming `id`, when the sizes differ. */
export function drawMask(photo: RgbImage, mask: LabelMap, id: string): RgbImage {
  assertSize(photo, mask, id)
  return drawOver(photo, (i, grey) => {
    const label = mask.data[i]!
    if (label === 0) return grey
    return label === IGNORE
      ? mixColours(grey, ERROR_COLOURS.ignored.colour, 0.75)
      : mixColours(grey, classColour(label - 1), 0.72)
  })
}

function drawErrors(
  photo: RgbImage,
  { prediction, truth }: { prediction: LabelMap; truth: LabelMap },
  id: string,
): RgbImage {
  assertSize(photo, prediction, id)
  assertSize(photo, truth, id)
  return drawOver(photo, (i, grey) => {
    const colour = mistakeColour(prediction.data[i]!, truth.data[i]!)
    return colour === undefined ? grey : mixColours(grey, colour, 0.75)
  })
}

/** Each pixel's colour from its place and the faded photo below it. */
function drawOver({ width, height, data }: RgbImage, colourAt: (i: number, faded: Rgb) => Rgb): RgbImage {
  const drawn = new Uint8Array(data.length)
  for (let i = 0; i < width * height; i++) {
    const [r, g, b] = [data[3 * i]!, data[3 * i + 1]!, data[3 * i + 2]!]
    const grey = 0.299 * r + 0.587 * g + 0.114 * b
    const faded: Rgb = [0.25 * r + 0.6 * grey + 12, 0.25 * g + 0.6 * grey + 12, 0.25 * b + 0.6 * grey + 12]
    drawn.set(colourAt(i, faded), 3 * i)
  }
  return { width, height, data: drawn }
}

function assertSize(photo: RgbImage, mask: LabelMap, id: string): void {
  if (mask.width !== photo.width || mask.height !== photo.height) {
    throw wrongSize(id, 'mask', `${mask.width}x${mask.height} pixels`, photo)
  }
}

function wrongSize(id: string, what: string, has: string, { width, height }: RgbImage): InputError {
  return new InputError(id, `its ${what} has ${has}`, {
    expected: `the image has ${width}x${height} pixels`,
  })
}
