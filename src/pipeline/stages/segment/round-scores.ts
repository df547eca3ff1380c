/** @file The files of the trainings before the last, and the scores of their labels. Part of the stage `segment`; imports no torch. */
import { join } from 'node:path'
import { formatScore, type ScoreRecord, scoreRecord } from '../../../evaluate/index.ts'
import { writeFileAtomic } from '../../../io/atomic.ts'
import { openScoredSplit } from '../../run/open-data.ts'
import type { RunFolder } from '../../run/run-folder.ts'
import type { StageContext } from '../../run/stage.ts'
import { scoreLabels } from '../evaluate/score-labels.ts'
import { pseudoMaskFile } from '../refine/pseudo-masks.ts'

/** Content of round-scores.json: `mask` of the labels of the last training; empty when the images have no masks. */
export interface RoundScoresFile {
  readonly scores: readonly ScoreRecord[]
}

/** The files of one of the trainings before the last. */
export function roundFiles(
  run: RunFolder,
  round: number,
): { checkpoints: string; metrics: string; events: string; masks: string } {
  const at = (name: string): string => join(run.segmentRounds, String(round), name)
  return {
    checkpoints: at('checkpoints'),
    metrics: at('metrics.jsonl'),
    events: join(run.segmentEvents, `round-${round}`),
    masks: at('masks'),
  }
}

/** Writes round-scores.json and round-scores.txt; prints the table. */
export async function scoreRound(context: StageContext, masks: string): Promise<void> {
  const { dataset, run, log } = context
  const { score, unscored } = await scoreLabels(context, await openScoredSplit(context), {
    metric: 'mask',
    threshold: undefined,
    file: sample => pseudoMaskFile(masks, sample),
    what: 'the scores',
    where: 'the scores of the labels of a round',
  })
  const scores = score === undefined ? [] : [scoreRecord(score, dataset.classes)]
  const table = score === undefined ? `${unscored}: nothing is scored.` : formatScore(score, dataset.classes)
  await writeFileAtomic(run.roundTable, `${table}\n`)
  await writeFileAtomic(run.roundScores, `${JSON.stringify({ scores } satisfies RoundScoresFile, null, 2)}\n`)
  log.info(`\n${table}\n`)
}
