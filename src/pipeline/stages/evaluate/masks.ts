/** @file masks/ID.png at one threshold, and the mIoU of each image. Part of the stage `evaluate`. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset, Sample } from '../../../data/dataset.ts'
import { readTruth } from '../../../data/truth.ts'
import { InputError } from '../../../errors.ts'
import {
  addImage,
  createConfusion,
  imageMiou,
  isEmpty,
  type LabelGrid,
  predictLabels,
} from '../../../evaluate/index.ts'
import { writeFileAtomic } from '../../../io/atomic.ts'
import { writeLabelMap } from '../../../io/indexed-png.ts'
import { camFile, readCams } from '../../images/cam-file.ts'
import { limitsOf, passOver } from '../../images/image-pass.ts'
import { writeLegend } from '../../out/write-legend.ts'
import type { StageContext } from '../../run/stage.ts'

/** mIoU of one image over the labels in its truth or prediction, percent. */
export interface ImageScore {
  readonly id: string
  readonly miou: number
}

/** Writes a label PNG for every CAM, and image-scores.json for those of `scored` that have a mask. */
export async function writeMasks(
  context: StageContext,
  { threshold, scored }: { threshold: number; scored: Dataset },
): Promise<void> {
  const { run, dataset, signal } = context
  await writeLegend(run, dataset)
  const files = (await readdir(run.maps)).filter(file => file.endsWith('.safetensors')).sort()
  const truths = new Map(scored.samples.map(sample => [sample.id, sample]))
  const labels = dataset.classes.length + 1
  const scores: ImageScore[] = []
  const made = files.map(name => ({ id: name.slice(0, -'.safetensors'.length) }))
  await passOver(made, { ...limitsOf(context), title: 'masks' }, async ({ lose, done }) => {
    for (const { id } of made) {
      if (signal.aborted) return
      const file = camFile(run.maps, { id })
      try {
        const prediction = predictLabels(await readCams(file), { labels, threshold, file })
        await writeLabelMap(join(run.masks, `${id}.png`), prediction)
        const sample = truths.get(id)
        if (sample?.mask !== undefined)
          scores.push(...(await scoreImage(sample, { prediction, labels, file })))
        done()
      } catch (error) {
        lose({ id }, error)
      }
    }
  })
  await writeFileAtomic(run.imageScores, `${JSON.stringify(scores)}\n`)
}

/** One score, or none when the mask cannot be read or holds nothing but 255: the sweep has named it. */
async function scoreImage(
  sample: Sample,
  { prediction, labels, file }: { prediction: LabelGrid; labels: number; file: string },
): Promise<ImageScore[]> {
  const confusion = createConfusion(labels)
  try {
    const truth = await readTruth(sample, prediction)
    addImage(confusion, { prediction, truth, predictionFile: file, truthFile: sample.mask! })
  } catch (error) {
    if (error instanceof InputError) return []
    throw error
  }
  return isEmpty(confusion) ? [] : [{ id: sample.id, miou: imageMiou(confusion) }]
}
