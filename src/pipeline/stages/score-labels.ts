/** @file Label PNGs that a stage wrote against the masks. Imports no torch. */
import type { Dataset, Picture } from '../../data/dataset.ts'
import { readTruth } from '../../data/truth.ts'
import { InputError } from '../../errors.ts'
import { addPicture, createConfusion, meanIou, mergeConfusion, type Score } from '../../evaluate/index.ts'
import { readLabelMap } from '../../io/indexed-png.ts'
import { exists } from '../each-picture.ts'
import { Interrupted, type StageContext } from '../stage.ts'
import { type PictureScore, pictureMiou } from './masks.ts'

export interface ScoreLabelsOptions extends Pick<Score, 'metric' | 'threshold'> {
  /** The label PNG of a picture; pictures without one, or without a mask, take no part. */
  readonly file: (picture: Picture) => string
  /** What a picture that cannot be read is left out of, as in "the scores". */
  readonly what: string
  /** Where the work stood when it was interrupted. */
  readonly where: string
}

/**
 * The score of a split, undefined where no picture takes part, and each picture's. A picture that cannot be read is named and
 * left out, or ends all under `strict`.
 */
export async function scoreLabels(
  { recipe, dataset, signal, log }: StageContext,
  { split, pictures }: Pick<Dataset, 'split' | 'pictures'>,
  { metric, threshold, file, what, where }: ScoreLabelsOptions,
): Promise<{ score: Score | undefined; each: PictureScore[] }> {
  const labels = dataset.classes.length + 1
  const total = createConfusion(labels)
  const each: PictureScore[] = []
  for (const picture of pictures) {
    if (signal.aborted) throw new Interrupted(where)
    const { id, mask, maskLabels } = picture
    const predictionFile = file(picture)
    if (mask === undefined || !(await exists(predictionFile))) continue
    try {
      const [prediction, truth] = await Promise.all([
        readLabelMap(predictionFile),
        readTruth({ mask, maskLabels }),
      ])
      const confusion = createConfusion(labels)
      addPicture(confusion, { prediction, truth, predictionFile, truthFile: mask })
      mergeConfusion(total, confusion)
      each.push({ id, miou: pictureMiou(confusion) })
    } catch (error) {
      if (recipe.strict || !(error instanceof InputError)) throw error
      log.warn(`${id} is left out of ${what}: ${error.message}`)
    }
  }
  if (each.length === 0) return { score: undefined, each }
  const result = meanIou(total, { absent: recipe.evaluate.absent })
  return { score: { metric, split, threshold, pictures: each.length, result }, each }
}
