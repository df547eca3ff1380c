/** @file How well predictions meet the masks: val, val ms, val ms+crf. Part of the stage `predict`; imports no torch. */

import type { Dataset } from '../../data/dataset.ts'
import { readTruth } from '../../data/truth.ts'
import { InputError } from '../../errors.ts'
import {
  addPicture,
  createConfusion,
  formatScore,
  type MetricName,
  meanIou,
  mergeConfusion,
  type Score,
  type ScoreRecord,
  scoreRecord,
} from '../../evaluate/index.ts'
import { writeFileAtomic } from '../../io/atomic.ts'
import { readLabelMap } from '../../io/indexed-png.ts'
import { exists } from '../each-picture.ts'
import { predictionFile, type Way, waysOf } from '../prediction-file.ts'
import { Interrupted, type StageContext } from '../stage.ts'
import { type PictureScore, pictureMiou } from './masks.ts'

/** Content of prediction-scores.json. */
export interface PredictionScoresFile {
  readonly scores: readonly ScoreRecord[]
  /** Of the last way of the first split. */
  readonly pictures: readonly PictureScore[]
}

/** What a score is called. */
const METRICS: Readonly<Record<Way, MetricName>> = { single: 'val', ms: 'val ms', 'ms-crf': 'val ms+crf' }

/** Writes prediction-scores.json and prediction-scores.txt; prints the tables. A mask that cannot be read is named and left out. */
export async function scorePredictions(context: StageContext, sets: readonly Dataset[]): Promise<void> {
  const { recipe, dataset, run, log } = context
  const scores: Score[] = []
  let pictures: readonly PictureScore[] = []
  for (const set of sets) {
    for (const way of waysOf(recipe)) {
      const { score, each } = await scoreSet(context, set, way)
      if (score !== undefined) scores.push(score)
      if (set === sets[0]) pictures = each
    }
  }
  const text =
    scores.length === 0
      ? `No picture of ${sets.map(set => set.split).join(' or ')} has a mask: nothing is scored.`
      : scores.map(score => formatScore(score, dataset.classes)).join('\n\n\n')
  const file: PredictionScoresFile = {
    scores: scores.map(score => scoreRecord(score, dataset.classes)),
    pictures,
  }
  await writeFileAtomic(run.predictionTable, `${text}\n`)
  await writeFileAtomic(run.predictionScores, `${JSON.stringify(file, null, 2)}\n`)
  log.info(`\n${text}\n`)
}

/** The score of one split; undefined where no picture has a mask. */
async function scoreSet(
  { recipe, run, dataset, signal, log }: StageContext,
  { split, pictures }: Dataset,
  way: Way,
): Promise<{ score: Score | undefined; each: PictureScore[] }> {
  const labels = dataset.classes.length + 1
  const total = createConfusion(labels)
  const each: PictureScore[] = []
  for (const { id, mask, maskLabels } of pictures) {
    if (signal.aborted) throw new Interrupted('the scores of predict')
    const file = predictionFile(run, { split, way, id })
    if (mask === undefined || !(await exists(file))) continue
    try {
      const [prediction, truth] = await Promise.all([readLabelMap(file), readTruth({ mask, maskLabels })])
      const confusion = createConfusion(labels)
      addPicture(confusion, { prediction, truth, predictionFile: file, truthFile: mask })
      mergeConfusion(total, confusion)
      each.push({ id, miou: pictureMiou(confusion) })
    } catch (error) {
      if (recipe.strict || !(error instanceof InputError)) throw error
      log.warn(`${id} is left out of ${METRICS[way]}: ${error.message}`)
    }
  }
  if (each.length === 0) return { score: undefined, each }
  const result = meanIou(total, { absent: recipe.evaluate.absent })
  return {
    score: { metric: METRICS[way], split, threshold: undefined, pictures: each.length, result },
    each,
  }
}
