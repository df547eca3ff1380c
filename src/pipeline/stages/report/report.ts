/** @file Stage `report`: gathers what the stages left in the run folder into report.html. Imports no torch. */
import type { ScoreRecord } from '../../../evaluate/index.ts'
import { readImage } from '../../../io/image.ts'
import type { HeadWeights } from '../../../methods/index.ts'
import { readMetrics } from '../../../train/metrics.ts'
import { exists } from '../../images/image-pass.ts'
import { collectLost } from '../../images/lost-images.ts'
import { type TokenPlots, type Training, writeReport } from '../../report/index.ts'
import { readStageFile } from '../../run/score-file.ts'
import { hasStage, type StageContext } from '../../run/stage.ts'
import { autoencoder } from '../autoencoder/index.ts'
import type { ScoresFile } from '../evaluate/evaluate.ts'
import { stageNames } from '../list.ts'
import type { PredictionScoresFile } from '../predict/prediction-scores.ts'
import type { RefineScoresFile } from '../refine/refine-scores.ts'
import { type RoundScoresFile, roundFiles } from '../segment/round-scores.ts'
import { trainingExamples, validationExamples } from './examples.ts'
import { readExamples } from './report-examples.ts'
import { factsOf, settingsOf, subtitleOf } from './report-facts.ts'
import { readTokenPlots } from './token-plots.ts'

/** Writes report.html and images/. An image that cannot be read is named and left out, or ends the stage
 * under `strict`. */
export async function reportStage(context: StageContext): Promise<void> {
  const { recipe, dataset, run, log } = context
  const file = await readStageFile<ScoresFile>(run.scores, 'evaluate')
  const chosen = [await trainingExamples(context), ...(await validationExamples(context))]
  const environment = await readStageFile<Record<string, string>>(run.environment, 'train').catch(() => ({}))
  const lost = collectLost({ title: 'report', list: run.lostImages, log })
  const examples = await readExamples(context, chosen, { threshold: file.threshold, lost })
  await lost.tell()
  const drawn = hasStage(autoencoder, recipe) && (await exists(run.reconstructions)) // none where none is learned
  const written = {
    title: run.name,
    subtitle: subtitleOf(context),
    classes: dataset.classes,
    scores: [...file.scores, ...(await laterScores(context))],
    examples,
    trainings: await readTrainings(context),
    reconstructions: drawn ? await readImage(run.reconstructions) : undefined,
    headWeights: await readStageFile<HeadWeights>(run.headWeights, 'maps').catch(() => undefined),
    tokenPlots: await tokenPlots(context),
    settings: settingsOf(recipe),
    facts: await factsOf(recipe, run, environment),
    warnings: [...new Set([...dataset.warnings, ...log.warnings])],
  }
  await writeReport(run.root, written, { onBadExample: recipe.strict ? undefined : lost.add })
  await lost.tell()
}

/**
 * Of the pseudo masks, of the labels of the last round and of the predictions, where the recipe has them; unrefined seed
 * masks have no second score.
 */
async function laterScores({ recipe, run }: StageContext): Promise<ScoreRecord[]> {
  const stages = stageNames(recipe)
  const refined =
    stages.includes('refine') && recipe.refine.method !== 'none'
      ? await readStageFile<RefineScoresFile>(run.refineScores, 'refine')
      : undefined
  const relabelled = recipe.segment?.retrain
    ? await readStageFile<RoundScoresFile>(run.roundScores, 'segment')
    : undefined
  const predicted = stages.includes('predict')
    ? await readStageFile<PredictionScoresFile>(run.predictionScores, 'predict')
    : undefined
  return [...(refined?.scores ?? []), ...(relabelled?.scores ?? []), ...(predicted?.scores ?? [])]
}

/** Undefined for a method without class tokens, and a run whose CAMs were made before they were kept. */
async function tokenPlots({ run: { classTokens } }: StageContext): Promise<TokenPlots | undefined> {
  return (await exists(classTokens)) ? readTokenPlots(classTokens) : undefined
}

async function readTrainings({ recipe, run }: StageContext): Promise<Training[]> {
  const rounds = Array.from({ length: recipe.segment?.retrain?.rounds ?? 0 }, (_, i) => i + 1)
  const files = [
    { of: 'autoencoder', path: run.autoencoderMetrics },
    { of: 'classification network', path: run.metrics },
    { of: 'AffinityNet', path: run.affinityMetrics },
    ...rounds.map(round => ({
      of: `segmentation, round ${round}`,
      path: roundFiles(run, round).metrics,
    })),
    { of: 'segmentation', path: run.segmentMetrics },
  ]
  const trainings = await Promise.all(
    files.map(async ({ of, path }) => ({ of, rows: await readMetrics(path) })),
  )
  return trainings.filter(({ rows }) => rows.length > 0)
}
