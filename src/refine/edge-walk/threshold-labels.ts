/** @file Affinity labels from CAMs at two background scores, each through the label CRF (semformer, make_affinity_labels.py). Torch-free. */
import type { LabelMap } from '../../io/indexed-png.ts'
import { IGNORE } from '../../io/label-values.ts'
import { LABEL_CRF } from '../crf-parameters.ts'
import { crfHardLabels, type LabelCrfOptions } from '../label-crf.ts'

export interface ThresholdLabelOptions extends Omit<LabelCrfOptions, 'labels'> {
  /** The labels of the CAMs at the foreground's score. */
  readonly foreground: LabelMap
  /** The same at the background's. */
  readonly background: LabelMap
}

/**
 * The label that the CRF makes of the foreground's; where that is the background, 0 if the CRF agrees on the background's,
 * else 255. Rejects with InputError as crfHardLabels does.
 */
export async function thresholdLabels({
  foreground,
  background,
  ...options
}: ThresholdLabelOptions): Promise<LabelMap> {
  const refined = (labels: LabelMap): Promise<LabelMap> => crfHardLabels({ ...LABEL_CRF, ...options, labels })
  const [likely, certain] = [await refined(foreground), await refined(background)]
  const data = likely.data.map((label, i) => (label !== 0 || certain.data[i] === 0 ? label : IGNORE))
  return { width: likely.width, height: likely.height, data }
}
