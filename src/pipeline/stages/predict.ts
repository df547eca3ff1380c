/** @file Stage `predict`: what the trained segmentation network makes of the validation pictures, and its scores. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset, Picture } from '../../data/dataset.ts'
import { InputError } from '../../errors.ts'
import {
  addPicture,
  createConfusion,
  formatScore,
  type MetricName,
  meanIou,
  type Score,
  type ScoreRecord,
  scoreRecord,
} from '../../evaluate/index.ts'
import { writeFileAtomic } from '../../io/atomic.ts'
import { readLabelMap, writeLabelMap } from '../../io/indexed-png.ts'
import { loadSegmentation, shownTo } from '../build-segmentation.ts'
import { exists } from '../each-picture.ts'
import { predictPictures, WAYS, type Way } from '../predict-pictures.ts'
import type { Recipe } from '../recipe/schema.ts'
import type { RunFolder } from '../run-folder.ts'
import { Interrupted, type StageContext } from '../stage.ts'

/** Content of prediction-scores.json. */
export interface PredictionScoresFile {
  readonly scores: readonly ScoreRecord[]
}

/** What a score is called. */
const METRICS: Readonly<Record<Way, MetricName>> = { single: 'val', ms: 'val ms', 'ms-crf': 'val ms+crf' }

/** The file of one picture's predicted labels. */
export function predictionFile(
  run: RunFolder,
  { split, way, id }: { split: string; way: Way; id: string },
): string {
  return join(run.predictions, split, way, `${id}.png`)
}

/** The ways of predicting that a recipe asks for. */
export function waysOf({ predict: { crf } }: Recipe): Way[] {
  return WAYS.filter(way => way !== 'ms-crf' || crf !== null)
}

/**
 * Writes predictions/SPLIT/WAY/ID.png, prediction-scores.json and prediction-scores.txt; prints the tables. Pictures
 * whose labels are all there are not looked at again.
 */
export async function predictStage(context: StageContext): Promise<void> {
  const { recipe, dataset, valDataset, run, log } = context
  const sets =
    valDataset === undefined ? [dataset] : recipe.predict.trainSplit ? [valDataset, dataset] : [valDataset]
  const { network } = await loadSegmentation(recipe, run)
  try {
    for (const set of sets) await predictSet(context, network, set)
  } finally {
    network.dispose()
  }
  const scores: Score[] = []
  for (const set of sets)
    for (const way of waysOf(recipe)) scores.push(...(await scoreSet(context, set, way)))
  const tables = scores.map(score => formatScore(score, dataset.classes))
  const text =
    tables.length === 0
      ? `No picture of ${sets.map(set => set.split).join(' or ')} has a mask: nothing is scored.`
      : tables.join('\n\n\n')
  const file: PredictionScoresFile = { scores: scores.map(score => scoreRecord(score, dataset.classes)) }
  await writeFileAtomic(run.predictionTable, `${text}\n`)
  await writeFileAtomic(run.predictionScores, `${JSON.stringify(file, null, 2)}\n`)
  log.info(`\n${text}\n`)
}

type Network = Awaited<ReturnType<typeof loadSegmentation>>['network']

async function predictSet(
  { recipe, run, signal, log }: StageContext,
  network: Network,
  { split, pictures }: Dataset,
): Promise<void> {
  const ways = waysOf(recipe)
  for (const way of ways) await mkdir(join(run.predictions, split, way), { recursive: true })
  const open = await notDone(pictures, picture =>
    ways.map(way => predictionFile(run, { split, way, id: picture.id })),
  )
  let count = pictures.length - open.length
  const progress = log.progress({ title: `predict ${split}`, total: pictures.length, start: count })
  try {
    const predictions = predictPictures(network, open, {
      ...recipe.predict,
      ways,
      ...shownTo(recipe),
      workers: recipe.data.workers ?? 1,
      device: recipe.device,
      precision: recipe.precision,
      strict: recipe.strict,
      onBadPicture: ({ id }, error) => log.warn(`${id} has no prediction: ${error.message}`),
    })
    for await (const { picture, labels } of predictions) {
      for (const [way, map] of labels)
        await writeLabelMap(predictionFile(run, { split, way, id: picture.id }), map)
      progress.update(++count)
      if (signal.aborted) throw new Interrupted(`predict ${split}, picture ${count} of ${pictures.length}`)
    }
  } finally {
    progress.finish()
  }
}

/** One score, or none where no picture has a mask. Masks that cannot be read are named and left out. */
async function scoreSet(
  { recipe, run, dataset, signal, log }: StageContext,
  { split, pictures }: Dataset,
  way: Way,
): Promise<Score[]> {
  const confusion = createConfusion(dataset.classes.length + 1)
  let counted = 0
  for (const { id, mask } of pictures) {
    if (signal.aborted) throw new Interrupted('the scores of predict')
    const file = predictionFile(run, { split, way, id })
    if (mask === undefined || !(await exists(file))) continue
    try {
      const [prediction, truth] = await Promise.all([readLabelMap(file), readLabelMap(mask)])
      addPicture(confusion, { prediction, truth, predictionFile: file, truthFile: mask })
      counted++
    } catch (error) {
      if (recipe.strict || !(error instanceof InputError)) throw error
      log.warn(`${id} is left out of ${METRICS[way]}: ${error.message}`)
    }
  }
  if (counted === 0) return []
  const result = meanIou(confusion, recipe.evaluate)
  return [{ metric: METRICS[way], split, threshold: undefined, pictures: counted, result }]
}

async function notDone(
  pictures: readonly Picture[],
  files: (picture: Picture) => string[],
): Promise<Picture[]> {
  const done = await Promise.all(
    pictures.map(async picture => (await Promise.all(files(picture).map(exists))).every(Boolean)),
  )
  return pictures.filter((_, i) => !done[i])
}
