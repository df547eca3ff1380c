/** @file Stage `segment`: from pseudo masks to a trained segmentation network, in one training or several. */
import { InputError } from '../../../errors.ts'
import { hasOnlyWeights } from '../../../train/checkpoint-files.ts'
import { writeLabelNames } from '../../networks/build-segmentation.ts'
import { firstTraining, firstTrainingKey } from '../../recipe/segment.ts'
import { firstly, leads, type StageContext } from '../../run/stage.ts'
import { roundFiles, scoreRound } from './round-scores.ts'
import { labelForNextRound } from './segment-rounds.ts'
import { trainSegmentation } from './segment-training.ts'

/**
 * Writes segment/ (state, last weights, names of the labels) and segment-metrics.jsonl, for `segment.retrain` also
 * segment-rounds/N/ for each training before the last; resumes from existing states. Of a finished training whose states are
 * gone only the labels of its last round are scored anew.
 */
export async function segmentStage(context: StageContext): Promise<void> {
  const { recipe, dataset, run } = context
  const { segment: settings } = recipe
  if (settings === null)
    throw new InputError('segment', 'is null', { expected: 'a recipe with this section' })
  await firstly(context, () => writeLabelNames(run.segmentCheckpoints, dataset.classes))
  const unsure = recipe.refine.sure !== null
  const { retrain } = settings
  if (await agreed(context, () => hasOnlyWeights(run.segmentCheckpoints))) {
    if (retrain !== null && leads(context)) await scoreRound(context, roundFiles(run, retrain.rounds).masks)
    return
  }
  let masks = { folder: unsure ? run.sureMasks : run.pseudoMasks, unsure }
  for (let round = 1; retrain !== null && round <= retrain.rounds; round++) {
    const { masks: labelled, ...files } = roundFiles(run, round)
    const title = `segment, round ${round} of ${retrain.rounds + 1}`
    const keys = {
      batchSize: firstTrainingKey(settings, 'batchSize'),
      lr: `${firstTrainingKey(settings, 'optimiser')}.lr`,
    }
    const training = { title, keys, masks, ...files }
    await trainSegmentation(context, firstTraining(settings), training, network =>
      firstly(context, () => labelForNextRound(context, network, { round, retrain })),
    )
    masks = { folder: labelled, unsure: false }
  }
  const files = {
    checkpoints: run.segmentCheckpoints,
    metrics: run.segmentMetrics,
    events: run.segmentEvents,
  }
  const keys = { batchSize: 'segment.batchSize', lr: 'segment.optimiser.lr' }
  const last = { title: 'segment', keys, masks, ...files }
  await trainSegmentation(context, settings, last)
}

/** As process 0 finds it. */
async function agreed({ processes }: StageContext, find: () => Promise<boolean>): Promise<boolean> {
  return processes === undefined ? find() : processes.share(find)
}
