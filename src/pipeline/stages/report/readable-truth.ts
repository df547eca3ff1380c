/** @file The ground truth of an image, as far as it can be shown. */
import type { Sample } from '../../../data/sample.ts'
import { readTruth } from '../../../data/truth.ts'
import { InputError } from '../../../errors.ts'
import type { LabelMap } from '../../../io/indexed-png.ts'

/** Undefined without a usable one in the size of the image; the scores have named it. */
export async function readableTruth(
  sample: Sample,
  size: { readonly width: number; readonly height: number },
): Promise<LabelMap | undefined> {
  if (sample.mask === undefined) return undefined
  try {
    const truth = await readTruth(sample, size)
    return truth.width === size.width && truth.height === size.height ? truth : undefined
  } catch (error) {
    if (error instanceof InputError) return undefined
    throw error
  }
}
