/** @file Images that a segmentation network labels, one PNG for each way it looks at them; what is there stays. */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Sample } from '../../../data/sample.ts'
import { writeLabelMap } from '../../../io/indexed-png.ts'
import type { LabelNetwork } from '../../../models/label-network.ts'
import { exists } from '../../images/each-image.ts'
import { collectLost } from '../../images/lost-images.ts'
import { lookOf, type PredictOptions, predictImages } from '../../images/predict-images.ts'
import { Interrupted, type StageContext } from '../../run/stage.ts'
import type { Way } from './prediction-file.ts'

export interface LabelImagesOptions extends Partial<PredictOptions> {
  /** What it is called in the progress, and where it stood when interrupted. */
  readonly title: string
  readonly ways: readonly Way[]
  readonly fileOf: (sample: Sample, way: Way) => string
  /** Whether the work is done though all of them are lost. */
  readonly optional?: boolean
}

/**
 * Looks as the section `predict` says where the options say nothing else.
 * Throws Interrupted after an abort, and InputError when more images were lost than `data.maxLost` allows.
 */
export async function labelImages(
  { recipe, run, signal, log }: StageContext,
  network: LabelNetwork,
  samples: readonly Sample[],
  { title, ways, fileOf, optional = false, ...options }: LabelImagesOptions,
): Promise<void> {
  const there = await Promise.all(
    samples.map(async sample =>
      (await Promise.all(ways.map(way => exists(fileOf(sample, way))))).every(Boolean),
    ),
  )
  const open = samples.filter((_, i) => !there[i])
  let count = samples.length - open.length
  if (open[0] !== undefined)
    for (const way of ways) await mkdir(dirname(fileOf(open[0], way)), { recursive: true })
  const progress = log.progress({ title, total: samples.length, start: count })
  const lost = collectLost({ title, list: run.lostImages, log })
  try {
    const predictions = predictImages(network, open, {
      ...lookOf(recipe),
      onBadImage(sample, error) {
        lost.add(sample, error)
        progress.update(count + lost.ids.length)
      },
      title,
      log,
      ...options,
      ways,
    })
    for await (const { sample, labels } of predictions) {
      for (const [way, map] of labels) await writeLabelMap(fileOf(sample, way), map)
      progress.update(++count + lost.ids.length)
      if (signal.aborted) throw new Interrupted(`${title}, image ${count} of ${samples.length}`)
    }
  } finally {
    progress.finish()
    await lost.tell(samples.length)
  }
  const { maxLost } = recipe.data
  if (!optional) await lost.conclude({ lost: lost.ids.length, total: samples.length, maxLost })
}
