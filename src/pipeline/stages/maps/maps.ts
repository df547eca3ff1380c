/** @file Stage `maps`: from weights to a CAM for each tagged image. */
import { type Sample, tagged } from '../../../data/dataset.ts'
import type { InputError } from '../../../errors.ts'
import { writeFileAtomic } from '../../../io/atomic.ts'
import { type HeadWeights, joinHeadWeights } from '../../../methods/index.ts'
import { classMapFile, readClassMapNote, writeClassMaps } from '../../images/class-map-file.ts'
import { exists } from '../../images/each-image.ts'
import { fullSizeMaps } from '../../images/full-size-maps.ts'
import { eachImageMaps } from '../../images/image-maps.ts'
import { collectLost } from '../../images/lost-images.ts'
import { buildMethod, loadPublished, loadTrained, trainedWeights } from '../../networks/build-method.ts'
import { Interrupted, type StageContext } from '../../run/stage.ts'

const HEADS = 'headWeights' // of one image, in the metadata of its maps

/**
 * Writes maps/ID.safetensors for every image with a tag, of the image's own size; those already there are kept. Where
 * the method weighs attention heads also head-weights.json, over all images that have maps.
 */
export async function mapsStage({ recipe, dataset, run, signal, log }: StageContext): Promise<void> {
  const { maps: settings, data } = recipe
  const method = await buildMethod(recipe, { numClasses: dataset.classes.length })
  const weights = trainedWeights(recipe, run)
  if (settings.weights === null) await loadTrained(method.network, weights)
  else await loadPublished(method, weights, log)
  method.network.eval()
  const file = (sample: Sample): string => classMapFile(run.maps, sample)
  const mapped = tagged(dataset)
  const there = await Promise.all(mapped.map(sample => exists(file(sample))))
  const samples = mapped.filter((_, i) => !there[i])
  let count = mapped.length - samples.length
  const progress = log.progress({ title: 'maps', total: mapped.length, start: count })
  const lost = collectLost({ title: 'maps', list: run.lostImages, log })
  let writing: Promise<void> = Promise.resolve()
  const options = {
    title: 'maps',
    scales: settings.scales,
    onBadImage(sample: Sample, error: InputError) {
      lost.add(sample, error)
      progress.update(count + lost.ids.length)
    },
    log,
  }
  try {
    await eachImageMaps(method, recipe, samples, options, async (sample, maps, own) => {
      const heads = method.takeHeadWeights?.()
      const cam = fullSizeMaps(maps, own, settings.storage)
      await writing // one file is written while the next image is computed
      const notes = heads === undefined ? {} : { [HEADS]: JSON.stringify(heads) }
      writing = writeClassMaps(file(sample), { cam, classes: sample.tags, notes })
      writing.catch(() => undefined) // seen when awaited
      progress.update(++count + lost.ids.length)
      if (signal.aborted) {
        await writing
        throw new Interrupted(`maps, image ${count} of ${mapped.length}`)
      }
    })
    await writing
    const heads = method.takeHeadWeights && (await allHeadWeights(mapped.map(file)))
    if (heads !== undefined) await writeFileAtomic(run.headWeights, `${JSON.stringify(heads)}\n`)
  } finally {
    await writing.catch(() => undefined)
    progress.finish()
    await lost.tell(mapped.length)
    method.network.dispose()
  }
  await lost.conclude({ lost: lost.ids.length, total: mapped.length, maxLost: data.maxLost })
}

/** Over the images of all sessions, as their maps note them. */
async function allHeadWeights(files: readonly string[]): Promise<HeadWeights | undefined> {
  const parts: HeadWeights[] = []
  for (const path of files) {
    const note = await readClassMapNote(path, HEADS)
    if (note !== undefined) parts.push(JSON.parse(note) as HeadWeights)
  }
  return joinHeadWeights(parts)
}
