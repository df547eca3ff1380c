/** @file Stage `predict`: what the trained segmentation network makes of the validation pictures, and its scores. */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Dataset, Picture } from '../../data/dataset.ts'
import { writeLabelMap } from '../../io/indexed-png.ts'
import { type LabelNetwork, loadSegmentation, shownTo } from '../build-segmentation.ts'
import { exists } from '../each-picture.ts'
import { predictPictures } from '../predict-pictures.ts'
import { predictionFile, type Way, waysOf } from '../prediction-file.ts'
import { Interrupted, type StageContext } from '../stage.ts'
import { trainingExamples } from './examples.ts'
import { scorePredictions } from './prediction-scores.ts'

/**
 * Writes predictions/SPLIT/WAY/ID.png for the validation pictures, or the training pictures where there are none, scores
 * them, and adds the training pictures that the report shows. Pictures whose labels are all there are not looked at again.
 */
export async function predictStage(context: StageContext): Promise<void> {
  const { recipe, dataset, run } = context
  const valDataset = context.valDataset ?? dataset
  const sets = recipe.predict.trainSplit && valDataset !== dataset ? [valDataset, dataset] : [valDataset]
  const shown = await trainingExamples(context)
  const { network } = await loadSegmentation(recipe, run)
  try {
    for (const set of sets) await predictSet(context, network, set)
    await predictSet(context, network, {
      split: shown.set.split,
      pictures: shown.choices.map(({ picture }) => picture),
    })
  } finally {
    network.dispose()
  }
  await scorePredictions(context, sets)
}

async function predictSet(
  { recipe, run, signal, log }: StageContext,
  network: LabelNetwork,
  { split, pictures }: Pick<Dataset, 'split' | 'pictures'>,
): Promise<void> {
  const ways = waysOf(recipe)
  const fileOf = ({ id }: Picture, way: Way): string => predictionFile(run, { split, way, id })
  const there = await Promise.all(
    pictures.map(async picture =>
      (await Promise.all(ways.map(way => exists(fileOf(picture, way))))).every(Boolean),
    ),
  )
  const open = pictures.filter((_, i) => !there[i])
  let count = pictures.length - open.length
  if (open[0] !== undefined)
    for (const way of ways) await mkdir(dirname(fileOf(open[0], way)), { recursive: true })
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
      for (const [way, map] of labels) await writeLabelMap(fileOf(picture, way), map)
      progress.update(++count)
      if (signal.aborted) throw new Interrupted(`predict ${split}, picture ${count} of ${pictures.length}`)
    }
  } finally {
    progress.finish()
  }
}
