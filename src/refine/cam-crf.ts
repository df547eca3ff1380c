/** @file CAMs through the dense CRF, as MCTformer exports them for AffinityNet (la_crf, ha_crf). Torch-free. */
import { InputError } from '../errors.ts'
import type { RgbImage } from '../io/image.ts'
import type { LabelMap } from '../io/indexed-png.ts'
import type { CrfParameters } from './crf-parameters.ts'
import { unaryFromScores } from './crf-unary.ts'
import { bestLabelsAt, type CrfThreads, denseCrf } from './dense-crf.ts'

interface CamCrfImage extends Partial<CrfParameters>, CrfThreads {
  readonly image: RgbImage
  /** CAM in [0, 1] of each class present (0-based), [height, width] of the image. */
  readonly cams: ReadonlyMap<number, Float32Array>
  readonly name?: string
}

/**
 * The background score: (1 - strongest map)^alpha, or a constant. An exponent of 1 makes confident foreground, 12
 * confident background.
 */
export type CamCrfOptions = CamCrfImage & ({ readonly alpha: number } | { readonly background: number })

/**
 * Probabilities by label, 0 the background and class + 1, from the scores [background, cams], which are not
 * normalised (mctformer spec section 8, engine._crf_with_alpha). Rejects with InputError.
 */
export async function crfCams(options: CamCrfOptions): Promise<Map<number, Float32Array>> {
  const { image, cams } = options
  const probabilities = await camCrf(options)
  const pixels = image.width * image.height
  return new Map(labelsOf(cams).map((key, i) => [key, probabilities.slice(i * pixels, (i + 1) * pixels)]))
}

/** The most probable label of every pixel, from the same scores; resized to `size` if given. Rejects with InputError. */
export async function crfLabels({
  size,
  ...options
}: CamCrfOptions & { readonly size?: Pick<LabelMap, 'width' | 'height'> }): Promise<LabelMap> {
  const labels = labelsOf(options.cams)
  const best = bestLabelsAt(await camCrf(options), options.image, size)
  return { ...best, data: best.data.map(i => labels[i]!) }
}

function labelsOf(cams: ReadonlyMap<number, Float32Array>): number[] {
  return [0, ...Array.from(cams.keys(), key => key + 1)]
}

async function camCrf(options: CamCrfOptions): Promise<Float32Array> {
  const { image, cams, name = 'CAMs', iterations, gaussian, bilateral, threads } = options
  const pixels = image.width * image.height
  const [field, value] =
    'alpha' in options ? (['alpha', options.alpha] as const) : (['background', options.background] as const)
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
  if (field === 'background') scores.fill(value, 0, pixels)
  else {
    const highest = new Float32Array(pixels)
    for (const cam of cams.values())
      for (let p = 0; p < pixels; p++) highest[p] = Math.max(highest[p]!, cam[p]!)
    for (let p = 0; p < pixels; p++) scores[p] = Math.fround(1 - highest[p]!) ** value
  }
  return denseCrf({
    image,
    unary: unaryFromScores(scores),
    name,
    ...(iterations !== undefined && { iterations }),
    ...(gaussian !== undefined && { gaussian }),
    ...(bilateral !== undefined && { bilateral }),
    ...(threads !== undefined && { threads }),
  })
}
