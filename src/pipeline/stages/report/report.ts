/** @file Stage `report`: gathers what the stages left in the run folder into report.html. Imports no torch. */
import { rmdir } from 'node:fs/promises'
import type { ScoreRecord } from '../../../evaluate/index.ts'
import { readImage } from '../../../io/image.ts'
import type { HeadWeights } from '../../../methods/index.ts'
import { exists } from '../../images/image-pass.ts'
import { collectLost } from '../../images/lost-images.ts'
import { type ReportData, type TokenPlots, writeReport } from '../../report/index.ts'
import { readMadeFile, readStageFile } from '../../run/score-file.ts'
import { hasStage, type StageContext } from '../../run/stage.ts'
import { autoencoder } from '../autoencoder/index.ts'
import type { ScoresFile } from '../evaluate/evaluate.ts'
import { stageNames } from '../list.ts'
import type { PredictionScoresFile } from '../predict/prediction-scores.ts'
import type { RefineScoresFile } from '../refine/refine-scores.ts'
import type { RoundScoresFile } from '../segment/round-scores.ts'
import { trainingExamples, validationExamples } from './examples.ts'
import { readExamples } from './report-examples.ts'
import { factsOf, settingsOf, subtitleOf } from './report-facts.ts'
import { runGallery } from './run-gallery.ts'
import { resultLinks } from './run-results.ts'
import { readTokenPlots } from './token-plots.ts'
import { readTrainings } from './trainings.ts'

/** Writes report.html and report/. An image that cannot be read is named and left out, or ends the stage under `strict`; of a
 * run that is still going, it shows what is there. */
export async function reportStage(context: StageContext): Promise<void> {
  const { recipe, dataset, run, signal, log } = context
  const file = await readMadeFile<ScoresFile>(run.scores, 'evaluate')
  const chosen = [await trainingExamples(context), ...(await validationExamples(context))]
  const environment = await readStageFile<Record<string, string>>(run.environment, 'train').catch(() => ({}))
  const lost = collectLost({ title: 'report', list: run.lostImages, log })
  const drawn = hasStage(autoencoder, recipe) && (await exists(run.reconstructions)) // none where none is learned
  const data: ReportData = {
    title: run.name,
    subtitle: subtitleOf(context),
    classes: dataset.classes,
    scores: [...(file?.scores ?? []), ...(await laterScores(context))],
    unscored:
      file === undefined
        ? 'The run has not come to its scores yet.'
        : 'There were no ground-truth masks to score against. CAMs and masks were computed nevertheless: look at them below.',
    results: await resultLinks(context),
    gallery: await runGallery(context, file),
    examples: readExamples(context, chosen, { threshold: file?.threshold, lost }),
    trainings: await readTrainings(context),
    reconstructions: drawn ? await readImage(run.reconstructions) : undefined,
    headWeights: await readStageFile<HeadWeights>(run.headWeights, 'maps').catch(() => undefined),
    tokenPlots: await tokenPlots(context),
    settings: settingsOf(recipe),
    facts: await factsOf(recipe, run, environment),
    warnings: [...new Set([...dataset.warnings, ...log.warnings])],
  }
  const onBad = recipe.strict ? undefined : lost.add
  await writeReport(run.root, data, { onBad, signal, log }).finally(() => lost.tell())
  await rmdir(run.images).catch(() => undefined) // of a report of an earlier version, emptied when this stage began
}

/**
 * Of the pseudo masks, of the labels of the last round and of the predictions, where the recipe has them; unrefined seed
 * masks have no second score.
 */
async function laterScores({ recipe, run }: StageContext): Promise<ScoreRecord[]> {
  const stages = stageNames(recipe)
  const refined =
    stages.includes('refine') && recipe.refine.method !== 'none'
      ? await readMadeFile<RefineScoresFile>(run.refineScores, 'refine')
      : undefined
  const relabelled = recipe.segment?.retrain
    ? await readMadeFile<RoundScoresFile>(run.roundScores, 'segment')
    : undefined
  const predicted = stages.includes('predict')
    ? await readMadeFile<PredictionScoresFile>(run.predictionScores, 'predict')
    : undefined
  return [...(refined?.scores ?? []), ...(relabelled?.scores ?? []), ...(predicted?.scores ?? [])]
}

/** Undefined for a method without class tokens, and a run whose CAMs were made before they were kept. */
async function tokenPlots({ run: { classTokens } }: StageContext): Promise<TokenPlots | undefined> {
  return (await exists(classTokens)) ? readTokenPlots(classTokens) : undefined
}
