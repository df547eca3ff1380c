/** @file The background score of the pseudo masks, and how well they meet the masks. Part of the stage `refine`; imports no torch. */
import {
  bestPoint,
  type ChosenThreshold,
  describeChoice,
  formatScore,
  formatThreshold,
  type MetricName,
  type ScoreRecord,
  scoreRecord,
  sweepCurve,
} from '../../../evaluate/index.ts'
import { writeFileAtomic } from '../../../io/atomic.ts'
import { methodOf } from '../../recipe/method.ts'
import type { RefineRecipe } from '../../recipe/refine.ts'
import { openScoredSplit } from '../../run/open-data.ts'
import type { StageContext } from '../../run/stage.ts'
import { sweepImages } from '../evaluate/evaluate.ts'
import { scoreLabels } from '../evaluate/score-labels.ts'
import { chosenByCams, thresholdOfCams } from '../evaluate/threshold-of-cams.ts'
import { pseudoMaskFile } from './pseudo-masks.ts'

/** Content of refine-scores.json; `scores` is empty when the images have no masks. */
export interface RefineScoresFile {
  readonly scores: readonly ScoreRecord[]
  readonly background: number
  readonly classes: readonly string[]
}

/** What the pseudo masks of a method are scored as. */
const METRICS = {
  none: 'seed',
  crf: 'seed+crf',
  par: 'seed+par',
  affinity: 'mask',
  'affinity+crf': 'mask',
} as const satisfies Record<RefineRecipe['method'], MetricName>

/** The recipe's background score; to sweep, the threshold at which the maps of the folder meet the masks best. */
export async function chooseBackground(context: StageContext, maps: string): Promise<ChosenThreshold> {
  const { recipe, log } = context
  const { background } = recipe.refine
  if (background !== 'sweep') return { value: background, choice: { how: 'given' } }
  const scored = await openScoredSplit(context)
  if (scored.samples.every(({ mask }) => mask === undefined)) {
    const blind = await blindBackground(context, maps)
    log.info(
      `refine: no image of ${scored.split} has a mask to choose the background score by: it is ${blind.value}, ${describeChoice(blind.choice)}`,
    )
    return blind
  }
  const { sweep, unscored } = await sweepImages(context, scored, { folder: maps, told: true })
  if (unscored !== undefined) {
    const blind = await blindBackground(context, maps)
    log.warn(
      `refine: ${unscored}: the background score cannot be chosen by them, it is ${blind.value}, ${describeChoice(blind.choice)}`,
    )
    return blind
  }
  const { threshold } = bestPoint(sweepCurve(sweep, { absent: recipe.evaluate.absent }))
  return { value: threshold, choice: { how: 'swept on the same masks it is scored on' } }
}

/** Without masks: what the CAMs are made for, unless evaluate, too, takes what the maps suggest. */
async function blindBackground(context: StageContext, maps: string): Promise<ChosenThreshold> {
  const { recipe } = context
  const own = recipe.evaluate.threshold === 'cams' ? undefined : methodOf(recipe).threshold?.(recipe)
  if (own !== undefined) return { value: own, choice: { how: 'what the CAMs are made for' } }
  return chosenByCams(await thresholdOfCams(maps, context))
}

/** Writes refine-scores.json and refine-scores.txt; prints the table. An image that cannot be scored is named and left out. */
export async function scorePseudoMasks(context: StageContext, threshold: ChosenThreshold): Promise<void> {
  const { recipe, dataset, run, log } = context
  const { classes } = dataset
  const scored = await openScoredSplit(context)
  const { score, unscored } = await scoreLabels(context, scored, {
    metric: METRICS[recipe.refine.method],
    threshold,
    file: sample => pseudoMaskFile(run.pseudoMasks, sample),
    what: 'the scores',
    where: 'the scores of the pseudo masks',
  })
  const file: RefineScoresFile = {
    scores: score === undefined ? [] : [scoreRecord(score, classes)],
    background: threshold.value,
    classes,
  }
  const table =
    score === undefined
      ? `${unscored}: nothing is scored. Pseudo masks were made with background score ${formatThreshold(threshold.value)}.`
      : formatScore(score, classes)
  await writeFileAtomic(run.refineTable, `${table}\n`)
  await writeFileAtomic(run.refineScores, `${JSON.stringify(file, null, 2)}\n`)
  log.info(`\n${table}\n`)
}
