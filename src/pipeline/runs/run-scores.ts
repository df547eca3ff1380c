/** @file The scores of a run, from the files of its stages. Imports no torch. */
import { readFile } from 'node:fs/promises'
import type { ScoreRecord } from '../../evaluate/index.ts'
import type { RunFolder } from '../run/run-folder.ts'
import type { StageName } from '../run/stage.ts'

/** mIoU in percent by one metric on one split. */
export interface RunScore {
  readonly stage: StageName
  readonly metric: string
  readonly split: string
  /** Null for a metric without one. */
  readonly threshold: number | null
  readonly images: number
  readonly miou: number
}

/** All that the run has, in the order of the stages; a file that is not there, or not ours, counts as none. */
export async function readRunScores(run: RunFolder): Promise<RunScore[]> {
  const files: [StageName, string][] = [
    ['evaluate', run.scores],
    ['refine', run.refineScores],
    ['segment', run.roundScores],
    ['predict', run.predictionScores],
  ]
  const all = await Promise.all(files.map(([stage, file]) => readScores(file, stage)))
  return all.flat()
}

async function readScores(file: string, stage: StageName): Promise<RunScore[]> {
  try {
    const { scores } = JSON.parse(await readFile(file, 'utf8')) as { scores: readonly ScoreRecord[] }
    if (!scores.every(isScore)) return []
    return scores.map(({ metric, split, threshold, images, miou }) => ({
      stage,
      metric,
      split,
      threshold: threshold?.value ?? null,
      images,
      miou,
    }))
  } catch {
    return []
  }
}

function isScore({ metric, split, images, miou }: ScoreRecord): boolean {
  return (
    typeof metric === 'string' &&
    typeof split === 'string' &&
    typeof images === 'number' &&
    typeof miou === 'number'
  )
}

/** Metric and split as one name: "seed (train)"; the labels of a second training are "mask, retrained (train)". */
export function scoreName({ stage, metric, split }: Pick<RunScore, 'stage' | 'metric' | 'split'>): string {
  return `${metric}${stage === 'segment' ? ', retrained' : ''} (${split})`
}

/** One line with all scores; none without scores. */
export function scoreLines(scores: readonly RunScore[]): string[] {
  if (scores.length === 0) return []
  return [`mIoU: ${scores.map(score => `${scoreName(score)} ${score.miou.toFixed(2)}`).join(', ')}`]
}
