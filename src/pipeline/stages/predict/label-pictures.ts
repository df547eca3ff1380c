/** @file Pictures that a segmentation network labels, one PNG for each way it looks at them; what is there stays. */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Picture } from '../../../data/picture.ts'
import { writeLabelMap } from '../../../io/indexed-png.ts'
import type { LabelNetwork } from '../../../models/label-network.ts'
import { exists } from '../../images/each-picture.ts'
import { collectLost } from '../../images/lost-images.ts'
import { type PredictOptions, predictPictures } from '../../images/predict-pictures.ts'
import { shownTo } from '../../networks/build-segmentation.ts'
import { Interrupted, type StageContext } from '../../run/stage.ts'
import type { Way } from './prediction-file.ts'

export interface LabelPicturesOptions extends Partial<PredictOptions> {
  /** What it is called in the progress, and where it stood when interrupted. */
  readonly title: string
  readonly ways: readonly Way[]
  readonly fileOf: (picture: Picture, way: Way) => string
  /** Whether the work is done though all of them are lost. */
  readonly optional?: boolean
}

/**
 * Looks as the section `predict` says where the options say nothing else.
 * Throws Interrupted after an abort, and InputError when more pictures were lost than `data.maxLost` allows.
 */
export async function labelPictures(
  { recipe, run, signal, log }: StageContext,
  network: LabelNetwork,
  pictures: readonly Picture[],
  { title, ways, fileOf, optional = false, ...options }: LabelPicturesOptions,
): Promise<void> {
  const there = await Promise.all(
    pictures.map(async picture =>
      (await Promise.all(ways.map(way => exists(fileOf(picture, way))))).every(Boolean),
    ),
  )
  const open = pictures.filter((_, i) => !there[i])
  let count = pictures.length - open.length
  if (open[0] !== undefined)
    for (const way of ways) await mkdir(dirname(fileOf(open[0], way)), { recursive: true })
  const progress = log.progress({ title, total: pictures.length, start: count })
  const lost = collectLost({ title, list: run.lostImages, log })
  try {
    const predictions = predictPictures(network, open, {
      ...recipe.predict,
      ...shownTo(recipe),
      workers: recipe.data.workers ?? 1,
      device: recipe.device,
      precision: recipe.precision,
      memory: recipe.memory,
      strict: recipe.strict,
      onBadPicture(picture, error) {
        lost.add(picture, error)
        progress.update(count + lost.ids.length)
      },
      title,
      log,
      ...options,
      ways,
    })
    for await (const { picture, labels } of predictions) {
      for (const [way, map] of labels) await writeLabelMap(fileOf(picture, way), map)
      progress.update(++count + lost.ids.length)
      if (signal.aborted) throw new Interrupted(`${title}, image ${count} of ${pictures.length}`)
    }
  } finally {
    progress.finish()
    await lost.tell(pictures.length)
  }
  const { maxLost } = recipe.data
  if (!optional) await lost.conclude({ lost: lost.ids.length, total: pictures.length, maxLost })
}
