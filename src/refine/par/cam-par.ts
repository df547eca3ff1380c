/** @file CAMs of one image through PAR, as labels. Torch-free. */
import type { RgbImage } from '../../io/image.ts'
import type { LabelMap } from '../../io/indexed-png.ts'
import { type CamScores, labelsOf, scoresOf } from '../cam-scores.ts'
import { bestLabelsAt } from '../dense-crf.ts'
import { parMasks } from './kernel.ts'
import type { ParParameters } from './parameters.ts'

export type CamParOptions = CamScores &
  Partial<ParParameters> & {
    readonly image: RgbImage
    /** Of the labels, where it is not the image's. */
    readonly size?: Pick<LabelMap, 'width' | 'height'>
    readonly threads?: number
  }

/** The label of every pixel whose score is best once background and CAMs have gone through PAR. Rejects with InputError. */
export async function parLabels(options: CamParOptions): Promise<LabelMap> {
  const { image, cams, size, name = 'CAMs', ...parameters } = options
  const { width, height } = image
  const masks = scoresOf(options)
  const refined = await parMasks({ ...parameters, width, height, image: planesOf(image), masks, name })
  const labels = labelsOf(cams)
  const best = bestLabelsAt(refined, image, size)
  return { ...best, data: best.data.map(i => labels[i]!) }
}

/** [3, height, width] in [0, 1]. */
function planesOf({ width, height, data }: RgbImage): Float32Array {
  const pixels = width * height
  const planes = new Float32Array(3 * pixels)
  for (let c = 0; c < 3; c++) {
    for (let p = 0; p < pixels; p++) planes[c * pixels + p] = data[3 * p + c]! / 255
  }
  return planes
}
