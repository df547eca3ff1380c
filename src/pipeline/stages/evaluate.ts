/** @file Stage `evaluate`: class maps against masks at every threshold, then masks at the best one. Imports no torch. */
import type { Picture } from '../../data/dataset.ts'
import { readTruth } from '../../data/truth.ts'
import { InputError } from '../../errors.ts'
import {
  addMaps,
  bestPoint,
  createSweep,
  formatScore,
  formatThreshold,
  meanIou,
  type Score,
  type ScoreRecord,
  type SweepPoint,
  scoreRecord,
  sweepConfusions,
  sweepCurve,
  type ThresholdSweep,
} from '../../evaluate/index.ts'
import { writeFileAtomic } from '../../io/atomic.ts'
import { classMapFile, readClassMaps } from '../class-map-file.ts'
import { exists } from '../each-picture.ts'
import { openScoredSplit } from '../open-data.ts'
import type { Recipe } from '../recipe/schema.ts'
import { Interrupted, type StageContext } from '../stage.ts'
import { writeMasks } from './masks.ts'

/** Content of scores.json; `scores` is empty when the pictures have no masks. */
export interface ScoresFile {
  readonly scores: readonly ScoreRecord[]
  /** Background threshold of masks/. */
  readonly threshold: number
  readonly classes: readonly string[]
}

/** Where there are no masks to choose a threshold by: near the best value of MCTformer (0.37 to 0.43). */
const BLIND_THRESHOLD = 0.4

/** Writes scores.json, scores.txt, picture-scores.json and masks/; prints the table. A picture that cannot be
 * read is named and left out, or ends the stage under `strict`. */
export async function evaluateStage(context: StageContext): Promise<void> {
  const { recipe, dataset, run, log } = context
  const { classes } = dataset
  const scored = await openScoredSplit(context)
  const { split } = scored
  const pictures = scored.pictures.filter(({ mask }) => mask !== undefined)
  const swept =
    pictures.length === 0 ? undefined : await sweepPictures(context, { pictures, split, maps: run.maps })
  const score = swept === undefined ? undefined : pickScore(recipe, { ...swept, split })
  const threshold = score?.score.threshold?.value ?? recipe.evaluate.threshold ?? BLIND_THRESHOLD
  await writeMasks(context, { threshold, scored })
  const file: ScoresFile = {
    scores: score === undefined ? [] : [scoreRecord(score.score, classes, { curve: score.curve })],
    threshold,
    classes,
  }
  const table =
    score === undefined
      ? `No picture of ${split} has a mask: nothing is scored. Masks were made at threshold ${formatThreshold(threshold)}.`
      : formatScore(score.score, classes)
  await writeFileAtomic(run.scoresTable, `${table}\n`)
  await writeFileAtomic(run.scores, `${JSON.stringify(file, null, 2)}\n`)
  log.info(`\n${table}\n`)
}

/** One pass over the pictures that have both a mask and a map in the folder `maps`. */
export async function sweepPictures(
  { recipe, dataset, log, signal }: StageContext,
  { pictures, split, maps: folder }: { pictures: readonly Picture[]; split: string; maps: string },
): Promise<{ sweep: ThresholdSweep; count: number }> {
  const sweep = createSweep(dataset.classes.length + 1, { thresholds: thresholdsOf(recipe) })
  const progress = log.progress({ title: 'evaluate', total: pictures.length })
  const missing: string[] = []
  let count = 0
  for (const [i, { id, mask, maskLabels }] of pictures.entries()) {
    if (signal.aborted) throw new Interrupted(`evaluate, picture ${i}`)
    const mapFile = classMapFile(folder, { id })
    if (mask === undefined || !(await exists(mapFile))) missing.push(id)
    else {
      try {
        const [maps, truth] = await Promise.all([readClassMaps(mapFile), readTruth({ mask, maskLabels })])
        addMaps(sweep, { maps, truth, mapFile, truthFile: mask })
        count++
      } catch (error) {
        if (recipe.strict || !(error instanceof InputError)) throw error
        log.warn(`${id} is left out of the scores: ${error.message}`)
      }
    }
    progress.update(i + 1)
  }
  progress.finish()
  if (missing.length > 0) {
    log.warn(
      `${missing.length} of ${pictures.length} pictures of ${split} have no class map and are left out of the scores: ${missing.slice(0, 3).join(', ')}${missing.length > 3 ? ', ...' : ''}`,
    )
  }
  if (count === 0) {
    throw new InputError(
      folder,
      `holds no class map that can be scored for any of the ${pictures.length} pictures of ${split}`,
      {
        expected: 'evaluate.split must name pictures of data.split, for which maps are made',
      },
    )
  }
  return { sweep, count }
}

/** The score at the given threshold, or at the best of the curve. */
function pickScore(
  { evaluate: { threshold, absent } }: Recipe,
  { sweep, count, split }: { sweep: ThresholdSweep; count: number; split: string },
): { score: Score; curve: readonly SweepPoint[] } {
  const curve = sweepCurve(sweep, { absent })
  const value = threshold ?? bestPoint(curve).threshold
  const confusion = sweepConfusions(sweep)[sweep.thresholds.indexOf(value)]!
  const score: Score = {
    metric: 'seed',
    split,
    threshold: {
      value,
      choice: threshold === null ? { how: 'swept on the same masks it is scored on' } : { how: 'given' },
    },
    pictures: count,
    result: meanIou(confusion, { absent }),
  }
  return { score, curve }
}

/** The sweep's thresholds in ascending order, a given one among them. */
function thresholdsOf({ evaluate: { sweep, threshold } }: Recipe): number[] {
  const { start, stop, step } = sweep
  const count = Math.floor((stop - start) / step + 1e-9) + 1
  const decimals = 10 // 0.1 + 0.2 must be 0.3
  const all = Array.from({ length: count }, (_, i) => Number((start + i * step).toFixed(decimals)))
  return [...new Set(threshold === null ? all : [...all, threshold])].sort((a, b) => a - b)
}
