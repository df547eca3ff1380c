/** @file The background score of the pseudo masks, and how well they meet the masks. Part of the stage `refine`; imports no torch. */

import type { Dataset } from '../../data/dataset.ts'
import { readTruth } from '../../data/truth.ts'
import { InputError } from '../../errors.ts'
import {
  addPicture,
  bestPoint,
  type ChosenThreshold,
  createConfusion,
  formatScore,
  formatThreshold,
  meanIou,
  type Score,
  type ScoreRecord,
  scoreRecord,
  sweepCurve,
} from '../../evaluate/index.ts'
import { writeFileAtomic } from '../../io/atomic.ts'
import { readLabelMap } from '../../io/indexed-png.ts'
import { exists } from '../each-picture.ts'
import { openSplit } from '../open-data.ts'
import { Interrupted, type StageContext } from '../stage.ts'
import { sweepPictures } from './evaluate.ts'
import { pseudoMaskFile } from './pseudo-masks.ts'

/** Content of refine-scores.json; `scores` is empty when the pictures have no masks. */
export interface RefineScoresFile {
  readonly scores: readonly ScoreRecord[]
  readonly background: number
  readonly classes: readonly string[]
}

/** Where there are no masks to choose by: the published constant. */
const BLIND_BACKGROUND = 0.39

/** The recipe's background score; to sweep, the threshold at which the maps of the folder meet the masks best. */
export async function chooseBackground(context: StageContext, maps: string): Promise<ChosenThreshold> {
  const { recipe, log } = context
  const { background } = recipe.refine
  if (background !== 'sweep') return { value: background, choice: { how: 'given' } }
  const { scored, split } = await scoredSplit(context)
  const pictures = scored.pictures.filter(({ mask }) => mask !== undefined)
  if (pictures.length === 0) {
    log.warn(
      `refine: no picture of ${split} has a mask to choose the background score by: it is ${BLIND_BACKGROUND}`,
    )
    return { value: BLIND_BACKGROUND, choice: { how: 'given' } }
  }
  const { sweep } = await sweepPictures(context, { pictures, split, maps })
  const { threshold } = bestPoint(sweepCurve(sweep, { absent: recipe.evaluate.absent }))
  return { value: threshold, choice: { how: 'swept on the same masks it is scored on' } }
}

/** Writes refine-scores.json and refine-scores.txt; prints the table. A picture that cannot be scored is named and left out. */
export async function scorePseudoMasks(context: StageContext, threshold: ChosenThreshold): Promise<void> {
  const { recipe, dataset, run, signal, log } = context
  const { classes } = dataset
  const { scored, split } = await scoredSplit(context)
  const confusion = createConfusion(classes.length + 1)
  let pictures = 0
  for (const { id, mask, maskLabels } of scored.pictures) {
    if (signal.aborted) throw new Interrupted('the scores of the pseudo masks')
    const file = pseudoMaskFile(run.pseudoMasks, { id })
    if (mask === undefined || !(await exists(file))) continue
    try {
      const [prediction, truth] = await Promise.all([readLabelMap(file), readTruth({ mask, maskLabels })])
      addPicture(confusion, { prediction, truth, predictionFile: file, truthFile: mask })
      pictures++
    } catch (error) {
      if (recipe.strict || !(error instanceof InputError)) throw error
      log.warn(`${id} is left out of the scores: ${error.message}`)
    }
  }
  const score: Score = {
    metric: recipe.refine.method === 'crf' ? 'seed+crf' : 'mask',
    split,
    threshold,
    pictures,
    result: meanIou(confusion, { absent: recipe.evaluate.absent }),
  }
  const file: RefineScoresFile = {
    scores: pictures === 0 ? [] : [scoreRecord(score, classes)],
    background: threshold.value,
    classes,
  }
  const table =
    pictures === 0
      ? `No picture of ${split} has a mask: nothing is scored. Pseudo masks were made with background score ${formatThreshold(threshold.value)}.`
      : formatScore(score, classes)
  await writeFileAtomic(run.refineTable, `${table}\n`)
  await writeFileAtomic(run.refineScores, `${JSON.stringify(file, null, 2)}\n`)
  log.info(`\n${table}\n`)
}

/** The pictures that are scored: those of evaluate. */
async function scoredSplit({ recipe, dataset }: StageContext): Promise<{ scored: Dataset; split: string }> {
  const split = recipe.evaluate.split ?? dataset.split
  const { classes } = dataset
  return { scored: split === dataset.split ? dataset : await openSplit(recipe, { split, classes }), split }
}
