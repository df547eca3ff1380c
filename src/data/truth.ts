/** @file The true mask of a picture, in the labels of its data set. */
import { InputError } from '../errors.ts'
import { type LabelMap, readLabelMap } from '../io/indexed-png.ts'
import type { Picture } from './picture.ts'

/** Class indices: 0 background, k + 1 class k, 255 ignored. Throws InputError as readLabelMap, and on a number of no class. */
export async function readTruth({
  mask,
  maskLabels,
}: {
  readonly mask: string
  readonly maskLabels?: Picture['maskLabels'] | undefined
}): Promise<LabelMap> {
  const labels = await readLabelMap(mask)
  if (maskLabels === undefined) return labels
  const stray = labels.data.find(value => value !== 0 && maskLabels[value] === 0)
  if (stray === undefined) return { ...labels, data: labels.data.map(value => maskLabels[value]!) }
  throw new InputError(mask, `holds the number ${stray}, which is no category`, {
    expected: 'the other masks are numbered by category ids',
  })
}
