/** @file Scores of the labels of an image: the background's beside its CAMs. Imports errors. */
import { InputError } from '../errors.ts'

/**
 * The background score: (1 - strongest map)^alpha, or a constant. An exponent of 1 makes confident foreground, 12
 * confident background.
 */
export type BackgroundScore = { readonly alpha: number } | { readonly background: number }

interface CamImage {
  readonly image: { readonly width: number; readonly height: number }
  /** CAM in [0, 1] of each class present (0-based), [height, width] of the image. */
  readonly cams: ReadonlyMap<number, Float32Array>
  readonly name?: string
}

/** An image's CAMs and what stands beside them. */
export type CamScores = CamImage & BackgroundScore

/** 0 for the background, and each class + 1, as scoresOf orders them. */
export function labelsOf(cams: ReadonlyMap<number, Float32Array>): number[] {
  return [0, ...Array.from(cams.keys(), key => key + 1)]
}

/** [1 + classes, height, width], the background first; not normalised. Throws InputError. */
export function scoresOf({ image, cams, name = 'CAMs', ...score }: CamScores): Float32Array {
  const pixels = image.width * image.height
  const [field, value] =
    'alpha' in score ? (['alpha', score.alpha] as const) : (['background', score.background] as const)
  const least = field === 'alpha' ? Number.MIN_VALUE : 0
  if (!(value >= least && Number.isFinite(value))) {
    const expected = `expected a ${field === 'alpha' ? 'positive number' : 'number of at least 0'}`
    throw new InputError(name, `is ${value}`, { field, expected })
  }
  const scores = new Float32Array((cams.size + 1) * pixels)
  let label = 1
  for (const [key, cam] of cams) {
    if (cam.length !== pixels) {
      throw new InputError(name, `the map has ${cam.length} pixels`, {
        field: `class ${key}`,
        expected: `expected the image's ${pixels}`,
      })
    }
    scores.set(cam, label++ * pixels)
  }
  if (field === 'background') return scores.fill(value, 0, pixels)
  const highest = new Float32Array(pixels)
  for (const cam of cams.values())
    for (let p = 0; p < pixels; p++) highest[p] = Math.max(highest[p]!, cam[p]!)
  for (let p = 0; p < pixels; p++) scores[p] = Math.fround(1 - highest[p]!) ** value
  return scores
}
