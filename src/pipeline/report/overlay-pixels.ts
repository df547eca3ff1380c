/** @file Small clear images that the page lays over photos: masks, mistakes, and the scores of CAMs. Pure pixels. */
import { bestClass, type Cams, type LabelGrid } from '../../evaluate/index.ts'
import { IGNORE } from '../../io/label-values.ts'
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
export function drawLabels(mask: LabelGrid, size: Size): ClearImage {
  return draw(size, at => {
    const label = mask.data[nearest(mask, size, at)]!
    if (label === 0) return undefined
    return label === IGNORE ? ERROR_COLOURS.ignored.colour : classColour(label - 1)
  })
}

/** Where a prediction is right, wrong or not scored; background that is right is clear. Both have one size. */
export function drawMistakes(prediction: LabelGrid, truth: LabelGrid, size: Size): ClearImage {
  return draw(size, at => {
    const i = nearest(truth, size, at)
    return mistakeColour(prediction.data[i]!, truth.data[i]!)
  })
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

function nearest(from: Size, to: Size, at: { readonly x: number; readonly y: number }): number {
  const x = Math.floor(((at.x + 0.5) * from.width) / to.width)
  const y = Math.floor(((at.y + 0.5) * from.height) / to.height)
  return y * from.width + x
}

function draw(size: Size, colourAt: (at: { x: number; y: number }) => Rgb | undefined): ClearImage {
  const { width, height } = size
  const data = new Uint8Array(4 * width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const colour = colourAt({ x, y })
      if (colour === undefined) continue
      data.set(colour, 4 * (y * width + x))
      data[4 * (y * width + x) + 3] = 255
    }
  }
  return { width, height, data }
}
