/** @file Class maps through the dense CRF, as MCTformer exports them for AffinityNet (la_crf, ha_crf). Torch-free. */
import { InputError } from '../errors.ts'
import type { RgbImage } from '../io/image.ts'
import type { CrfParameters } from './crf-parameters.ts'
import { unaryFromScores } from './crf-unary.ts'
import { type CrfThreads, denseCrf } from './dense-crf.ts'

export interface CamCrfOptions extends Partial<CrfParameters>, CrfThreads {
  readonly image: RgbImage
  /** Class map in [0, 1] of each class present (0-based), [height, width] of the picture. */
  readonly cams: ReadonlyMap<number, Float32Array>
  /** Exponent of the background score: 1 makes confident foreground, 12 confident background. */
  readonly alpha: number
  readonly name?: string
}

/**
 * Probabilities by label, 0 the background and class + 1, from the scores [(1 - max cam)^alpha, cams], which are not
 * normalised (mctformer spec section 8, engine._crf_with_alpha). Rejects with InputError.
 */
export async function crfClassMaps({
  image,
  cams,
  alpha,
  name = 'class maps',
  ...crf
}: CamCrfOptions): Promise<Map<number, Float32Array>> {
  const pixels = image.width * image.height
  if (!(alpha > 0 && Number.isFinite(alpha))) {
    throw new InputError(name, `is ${alpha}`, { field: 'alpha', expected: 'expected a positive number' })
  }
  const scores = new Float32Array((cams.size + 1) * pixels)
  const highest = new Float32Array(pixels)
  let label = 1
  for (const [key, cam] of cams) {
    if (cam.length !== pixels) {
      throw new InputError(name, `the map has ${cam.length} pixels`, {
        field: `class ${key}`,
        expected: `expected the picture's ${pixels}`,
      })
    }
    scores.set(cam, label++ * pixels)
    for (let p = 0; p < pixels; p++) highest[p] = Math.max(highest[p]!, cam[p]!)
  }
  for (let p = 0; p < pixels; p++) scores[p] = Math.fround(1 - highest[p]!) ** alpha
  const probabilities = await denseCrf({ image, unary: unaryFromScores(scores), name, ...crf })
  const keys = [0, ...Array.from(cams.keys(), key => key + 1)]
  return new Map(keys.map((key, i) => [key, probabilities.slice(i * pixels, (i + 1) * pixels)]))
}
