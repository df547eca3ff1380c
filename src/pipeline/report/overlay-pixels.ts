/** @file Small clear images that the page lays over photos: masks, mistakes, and the scores of CAMs. Pure pixels. */
import { bestClass, type Cams, type LabelGrid } from '../../evaluate/index.ts'
import { IGNORE } from '../../io/label-values.ts'
import type { ColouredAreas } from '../../io/thumbnail.ts'
import { classColour, ERROR_COLOURS, type Rgb } from './palette.ts'

/** 8-bit RGBA, [height, width, 4]. */
export interface ClearImage {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

export interface Size {
  readonly width: number
  readonly height: number
}

/** Alpha of a score map is LEAST_ALPHA + SCORE_LEVELS * score, rounded up: exact at thresholds that are multiples of 1 / SCORE_LEVELS. */
export const SCORE_LEVELS = 200
export const LEAST_ALPHA = 55

/** A mask in the colours of its classes, the background clear, each pixel the nearest of the mask. */
export function drawLabels(mask: LabelGrid, size: Size): ColouredAreas {
  const colourOf = (label: number) =>
    label === IGNORE ? ERROR_COLOURS.ignored.colour : classColour(label - 1)
  return draw(mask, size, { kindAt: i => mask.data[i]!, colourOf })
}

const MISTAKES = Object.values(ERROR_COLOURS).map(({ colour }): Rgb => colour)

/** Where a prediction is right, wrong or not scored; background that is right is clear. Both have one size. */
export function drawMistakes(prediction: LabelGrid, truth: LabelGrid, size: Size): ColouredAreas {
  const kindAt = (i: number): number => {
    const colour = mistakeColour(prediction.data[i]!, truth.data[i]!)
    return colour === undefined ? 0 : MISTAKES.indexOf(colour) + 1
  }
  return draw(truth, size, { kindAt, colourOf: kind => MISTAKES[kind - 1]! })
}

/** The colour of a pixel of an error map; undefined for background that is right. */
export function mistakeColour(got: number, want: number): Rgb | undefined {
  const { correct, extra, missed, confused, ignored } = ERROR_COLOURS
  if (want === IGNORE) return ignored.colour
  if (want === 0 && got === 0) return undefined
  return (want === got ? correct : want === 0 ? extra : got === 0 ? missed : confused).colour
}

/** Scores of one image: the colour is that of the class with the best score, alpha that score. */
export interface ScoreMap {
  readonly image: ClearImage
  /** Share of pixels within a quarter of the threshold around it. */
  readonly unsure: number
}

/** Draws CAMs of `classes` classes. Throws InputError naming `file` for a class out of range or NaN. */
export function drawScores(
  cams: Cams,
  { classes, threshold, file }: { classes: number; threshold: number; file: string },
): ScoreMap {
  const { best, label } = bestClass(cams, classes + 1, file)
  let unsure = 0
  for (const score of best) if (score > 0.75 * threshold && score <= 1.25 * threshold) unsure++
  const image = { width: cams.width, height: cams.height, data: new Uint8Array(4 * best.length) }
  for (let i = 0; i < best.length; i++) {
    if (label[i] === 0) continue
    image.data.set(classColour(label[i]! - 1), 4 * i)
    image.data[4 * i + 3] = alphaOf(best[i]!)
  }
  return { image, unsure: unsure / best.length }
}

const LIMITS = Float32Array.from({ length: SCORE_LEVELS + 1 }, (_, level) => level / SCORE_LEVELS)

/** LEAST_ALPHA and the number of thresholds below the score, in float32 as masks are made. */
function alphaOf(score: number): number {
  let level = Math.min(Math.ceil(SCORE_LEVELS * score), SCORE_LEVELS)
  if (level < SCORE_LEVELS && score > LIMITS[level]!) level++
  else if (level > 0 && score <= LIMITS[level - 1]!) level--
  return LEAST_ALPHA + level
}

/** `kindAt`: 0 (clear) to 255 of pixel i of the source. */
function draw(
  from: Size,
  { width, height }: Size,
  { kindAt, colourOf }: { kindAt: (i: number) => number; colourOf: (kind: number) => Rgb },
): ColouredAreas {
  const columns = nearest(from.width, width)
  const rows = nearest(from.height, height)
  const colours: Rgb[] = [[0, 0, 0]]
  const indices = new Uint8Array(256) // of each kind, once it has been met
  const data = new Uint8Array(width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const kind = kindAt(rows[y]! * from.width + columns[x]!)
      if (kind === 0) continue
      if (indices[kind] === 0) indices[kind] = colours.push(colourOf(kind)) - 1
      data[y * width + x] = indices[kind]!
    }
  }
  return { width, height, data, colours }
}

/** Along one axis, the source index of each output. */
function nearest(from: number, to: number): Int32Array {
  return Int32Array.from({ length: to }, (_, i) => Math.floor(((i + 0.5) * from) / to))
}
