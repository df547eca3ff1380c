/** @file Scores the label PNGs of a stage against the masks. Imports no torch. */
import type { Dataset, Sample } from '../../../data/dataset.ts'
import { readTruth } from '../../../data/truth.ts'
import {
  addImage,
  createConfusion,
  imageMiou,
  isEmpty,
  meanIou,
  mergeConfusion,
  type Score,
} from '../../../evaluate/index.ts'
import { count } from '../../../io/count.ts'
import { readLabelMap } from '../../../io/indexed-png.ts'
import { exists } from '../../images/image-pass.ts'
import { collectLeftOut } from '../../images/left-out.ts'
import { Interrupted, type StageContext } from '../../run/stage.ts'
import { compareMaskTags, type MaskTags } from './mask-tags.ts'
import type { ImageScore } from './masks.ts'

export interface ScoreLabelsOptions extends Pick<Score, 'metric' | 'threshold'> {
  /** The label PNG of an image; images without one, or without a mask, are not scored. */
  readonly file: (sample: Sample) => string
  /** What unreadable images are left out of, as in "the scores". */
  readonly what: string
  /** The place in the work, for an interruption. */
  readonly where: string
}

/** The scores of a split. */
export interface SplitScores {
  readonly score: Score | undefined
  /** Why there is no score, as the beginning of a sentence. */
  readonly unscored: string
  readonly each: readonly ImageScore[]
  /** Tags of the scored masks. */
  readonly maskTags: MaskTags
}

/**
 * The score of a split, undefined where no image is scored, and each image's. An image that cannot be read is named and
 * left out, or ends all under `strict`.
 */
export async function scoreLabels(
  { recipe, dataset, signal, log }: StageContext,
  { split, samples }: Pick<Dataset, 'split' | 'samples'>,
  { metric, threshold, file, what, where }: ScoreLabelsOptions,
): Promise<SplitScores> {
  const labels = dataset.classes.length + 1
  const total = createConfusion(labels)
  const leftOut = collectLeftOut(recipe)
  const maskTags = compareMaskTags(dataset.classes)
  const each: ImageScore[] = []
  let [masked, ignored] = [0, 0]
  for (const sample of samples) {
    if (signal.aborted) throw new Interrupted(where)
    const { id, mask } = sample
    const predictionFile = file(sample)
    if (mask === undefined) continue
    masked++
    if (!(await exists(predictionFile))) continue
    try {
      const prediction = await readLabelMap(predictionFile)
      const truth = await readTruth(sample, prediction)
      const confusion = createConfusion(labels)
      addImage(confusion, { prediction, truth, predictionFile, truthFile: mask })
      mergeConfusion(total, confusion)
      maskTags.add(sample, truth.data)
      if (isEmpty(confusion)) ignored++
      else each.push({ id, miou: imageMiou(confusion) })
    } catch (error) {
      leftOut.add(id, error)
    }
  }
  leftOut.tell(log, what)
  const unscored = whyUnscored({ split, masked, ignored, bad: leftOut.count })
  if (each.length === 0) return { score: undefined, unscored, each, maskTags }
  const result = meanIou(total, { absent: recipe.evaluate.absent })
  const score: Score = { metric, split, threshold, images: each.length + ignored, result }
  return { score, unscored, each, maskTags }
}

function whyUnscored({
  split,
  masked,
  ignored,
  bad,
}: {
  split: string
  masked: number
  ignored: number
  bad: number
}): string {
  if (masked === 0) return `No image of ${split} has a mask`
  if (ignored > 0) return `The masks of ${split} hold only 255, which is ignored`
  if (bad > 0) return `None of ${count(bad, 'mask')} of ${split} can be used`
  return `No image of ${split} has both a mask and what is scored`
}
