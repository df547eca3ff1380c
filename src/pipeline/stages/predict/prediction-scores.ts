/** @file Scores of the predictions: val, val ms, val ms+crf. Part of the stage `predict`; imports no torch. */
import type { Dataset } from '../../../data/dataset.ts'
import {
  formatScore,
  type MetricName,
  type Score,
  type ScoreRecord,
  scoreRecord,
} from '../../../evaluate/index.ts'
import { writeFileAtomic } from '../../../io/atomic.ts'
import type { StageContext } from '../../run/stage.ts'
import type { ImageScore } from '../evaluate/masks.ts'
import { scoreLabels } from '../evaluate/score-labels.ts'
import { predictionFile, type Way, waysOf } from './prediction-file.ts'

/** Content of prediction-scores.json. */
export interface PredictionScoresFile {
  readonly scores: readonly ScoreRecord[]
  /** Scores of the images, by the last way of the first split. */
  readonly samples: readonly ImageScore[]
}

/** Names of the scores. */
const METRICS: Readonly<Record<Way, MetricName>> = { single: 'val', ms: 'val ms', 'ms-crf': 'val ms+crf' }

/** Writes prediction-scores.json and prediction-scores.txt; prints the tables. A mask that cannot be read is named and left out. */
export async function scorePredictions(context: StageContext, sets: readonly Dataset[]): Promise<void> {
  const { recipe, dataset, run, log } = context
  const scores: Score[] = []
  const reasons = new Set<string>()
  const told = new Set<string>()
  let samples: readonly ImageScore[] = []
  for (const set of sets) {
    for (const way of waysOf(recipe)) {
      const { score, each, unscored, maskTags } = await scoreLabels(context, set, {
        metric: METRICS[way],
        threshold: undefined,
        file: ({ id }) => predictionFile(run, { split: set.split, way, id }),
        what: METRICS[way],
        where: 'the scores of predict',
      })
      if (score === undefined) reasons.add(unscored)
      else scores.push(score)
      if (set === sets[0]) samples = each
      if (set.split !== dataset.split && !told.has(set.split)) maskTags.tell(log, set.split) // the stage evaluate has logged the others
      told.add(set.split)
    }
  }
  const text =
    scores.length === 0
      ? `${[...reasons].join('. ')}: nothing is scored.`
      : scores.map(score => formatScore(score, dataset.classes)).join('\n\n\n')
  const file: PredictionScoresFile = {
    scores: scores.map(score => scoreRecord(score, dataset.classes)),
    samples,
  }
  await writeFileAtomic(run.predictionTable, `${text}\n`)
  await writeFileAtomic(run.predictionScores, `${JSON.stringify(file, null, 2)}\n`)
  log.info(`\n${text}\n`)
  const onTrained = scores.filter(({ split }) => split === dataset.split)
  if (onTrained.length > 0 && context.valDataset === undefined)
    log.warn(
      `there is no validation split: ${onTrained.map(({ metric }) => metric).join(', ')} are on ${dataset.split}, whose images the network was trained on, and say little of new images`,
    )
}
