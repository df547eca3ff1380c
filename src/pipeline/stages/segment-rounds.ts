/** @file Labels that a trained segmentation network gives the training pictures, for the next to learn from. Part of the stage `segment`. */
import { mkdir } from 'node:fs/promises'
import type { Picture } from '../../data/picture.ts'
import { writeLabelMap } from '../../io/indexed-png.ts'
import { type LabelNetwork, shownTo } from '../build-segmentation.ts'
import { exists } from '../each-picture.ts'
import { predictPictures } from '../predict-pictures.ts'
import type { SegmentRecipe } from '../recipe/segment.ts'
import { Interrupted, type StageContext } from '../stage.ts'
import { pseudoMaskFile } from './pseudo-masks.ts'
import { roundFiles, scoreRound } from './round-scores.ts'

/**
 * Writes masks/ID.png of the round: the best of the background and the picture's own tags, over the scales of `retrain`
 * and through its CRF. Labels that are there stay. Then scores them, round-scores.json.
 */
export async function labelForNextRound(
  context: StageContext,
  network: LabelNetwork,
  { round, retrain }: { round: number; retrain: NonNullable<SegmentRecipe['retrain']> },
): Promise<void> {
  const { recipe, dataset, run, signal, log } = context
  const { masks } = roundFiles(run, round)
  await mkdir(masks, { recursive: true })
  const pictures = dataset.pictures.filter(({ tags }) => tags.length > 0)
  const there = await Promise.all(pictures.map(picture => exists(pseudoMaskFile(masks, picture))))
  const open = pictures.filter((_, i) => !there[i])
  let count = pictures.length - open.length
  const way = retrain.crf === null ? 'ms' : 'ms-crf'
  const progress = log.progress({ title: `labels of round ${round}`, total: pictures.length, start: count })
  try {
    const predictions = predictPictures(network, open, {
      ...recipe.predict,
      ...retrain,
      flip: true,
      ways: [way],
      ...shownTo(recipe),
      workers: recipe.data.workers ?? 1,
      device: recipe.device,
      precision: recipe.precision,
      strict: recipe.strict,
      onBadPicture: ({ id }, error) => log.warn(`${id} is left out of the next round: ${error.message}`),
      allowed: allowedLabels,
    })
    for await (const { picture, labels } of predictions) {
      await writeLabelMap(pseudoMaskFile(masks, picture), labels.get(way)!)
      progress.update(++count)
      if (signal.aborted) throw new Interrupted(`labels of round ${round}, picture ${count}`)
    }
  } finally {
    progress.finish()
  }
  await scoreRound(context, masks)
}

function allowedLabels({ tags }: Picture): number[] {
  return [0, ...tags.map(tag => tag + 1)]
}
