/** @file CAMs through the dense CRF, as MCTformer exports them for AffinityNet (la_crf, ha_crf). Torch-free. */
import type { RgbImage } from '../io/image.ts'
import type { LabelMap } from '../io/indexed-png.ts'
import { type CamScores, labelsOf, scoresOf } from './cam-scores.ts'
import type { CrfParameters } from './crf-parameters.ts'
import { unaryFromScores } from './crf-unary.ts'
import { bestLabelsAt, type CrfThreads, denseCrf } from './dense-crf.ts'

export type CamCrfOptions = CamScores & { readonly image: RgbImage } & Partial<CrfParameters> & CrfThreads

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

async function camCrf(options: CamCrfOptions): Promise<Float32Array> {
  const { image, name = 'CAMs', iterations, gaussian, bilateral, threads } = options
  return denseCrf({
    image,
    unary: unaryFromScores(scoresOf(options)),
    name,
    ...(iterations !== undefined && { iterations }),
    ...(gaussian !== undefined && { gaussian }),
    ...(bilateral !== undefined && { bilateral }),
    ...(threads !== undefined && { threads }),
  })
}
