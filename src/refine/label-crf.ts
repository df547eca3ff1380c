/** @file Hard labels through the dense CRF, as in the pseudo labels of WeakTr and SemFormer. Torch-free. */
import { InputError } from '../errors.ts'
import type { RgbImage } from '../io/image.ts'
import type { LabelMap } from '../io/indexed-png.ts'
import type { CrfParameters } from './crf-parameters.ts'
import { unaryFromLabels } from './crf-unary.ts'
import { bestLabelsAt, type CrfThreads, denseCrf } from './dense-crf.ts'
import { enlargedLabels } from './enlarge-labels.ts'

export interface LabelCrfOptions extends Partial<CrfParameters>, CrfThreads {
  readonly image: RgbImage
  readonly labels: LabelMap
  /** The possible labels of the image, background included; the CRF uses no others. */
  readonly present: readonly number[]
  /** Probability that a label is right; the rest is shared by the other labels. */
  readonly gtProb?: number
  /** Size of the result; the image's when not given. */
  readonly size?: Pick<LabelMap, 'width' | 'height'>
  readonly name?: string
}

/**
 * The most probable labels when each pixel's own has probability gtProb (WeakTr/tool/imutils.py, crf_inference_label).
 * Rejects with InputError for a label that is not among those present.
 */
export async function crfHardLabels({
  image,
  labels,
  present,
  gtProb = 0.7,
  name = 'labels',
  size = image,
  ...crf
}: LabelCrfOptions): Promise<LabelMap> {
  const places = new Map(present.map((label, place) => [label, place]))
  const local = Uint8Array.from(labels.data, label => {
    const place = places.get(label)
    if (place !== undefined) return place
    throw new InputError(name, `holds the label ${label}`, {
      expected: `its labels are ${present.join(', ')}`,
    })
  })
  if (present.length < 2) return enlargedLabels(labels, size) // nothing to choose between
  const unary = unaryFromLabels(local, { labels: present.length, gtProb })
  const best = bestLabelsAt(await denseCrf({ image, unary, name, ...crf }), labels, size)
  return { ...best, data: best.data.map(place => present[place]!) }
}
