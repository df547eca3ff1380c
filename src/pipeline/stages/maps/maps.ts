/** @file Stage `maps`: from weights to a class map for each tagged picture. */
import type { Picture } from '../../../data/dataset.ts'
import type { InputError } from '../../../errors.ts'
import { writeFileAtomic } from '../../../io/atomic.ts'
import { type HeadWeights, joinHeadWeights } from '../../../methods/index.ts'
import { classMapFile, readClassMapNote, writeClassMaps } from '../../images/class-map-file.ts'
import { exists } from '../../images/each-picture.ts'
import { fullSizeMaps } from '../../images/full-size-maps.ts'
import { collectLost } from '../../images/lost-images.ts'
import { eachPictureMaps } from '../../images/picture-maps.ts'
import { buildMethod, loadPublished, loadTrained, trainedWeights } from '../../networks/build-method.ts'
import { Interrupted, type StageContext } from '../../run/stage.ts'

const HEADS = 'headWeights' // of one picture, in the metadata of its maps

/**
 * Writes maps/ID.safetensors for every picture with a tag, of the picture's own size; those already there are kept. Where
 * the method weighs attention heads also head-weights.json, over all pictures that have maps.
 */
export async function mapsStage({ recipe, dataset, run, signal, log }: StageContext): Promise<void> {
  const { maps: settings, data } = recipe
  const method = await buildMethod(recipe, { numClasses: dataset.classes.length })
  const weights = trainedWeights(recipe, run)
  if (settings.weights === null) await loadTrained(method.network, weights)
  else await loadPublished(method, weights, log)
  method.network.eval()
  const file = (picture: Picture): string => classMapFile(run.maps, picture)
  const tagged = dataset.pictures.filter(({ tags }) => tags.length > 0)
  const there = await Promise.all(tagged.map(picture => exists(file(picture))))
  const pictures = tagged.filter((_, i) => !there[i])
  let count = tagged.length - pictures.length
  const progress = log.progress({ title: 'maps', total: tagged.length, start: count })
  const lost = collectLost({ title: 'maps', list: run.lostImages, log })
  let writing: Promise<void> = Promise.resolve()
  const options = {
    title: 'maps',
    scales: settings.scales,
    onBadPicture(picture: Picture, error: InputError) {
      lost.add(picture, error)
      progress.update(count + lost.ids.length)
    },
    log,
  }
  try {
    await eachPictureMaps(method, recipe, pictures, options, async (picture, maps, own) => {
      const heads = method.takeHeadWeights?.()
      const cam = fullSizeMaps(maps, own, settings.storage)
      await writing // one file is written while the next picture is computed
      const notes = heads === undefined ? {} : { [HEADS]: JSON.stringify(heads) }
      writing = writeClassMaps(file(picture), { cam, classes: picture.tags, notes })
      writing.catch(() => undefined) // seen when awaited
      progress.update(++count + lost.ids.length)
      if (signal.aborted) {
        await writing
        throw new Interrupted(`maps, image ${count} of ${tagged.length}`)
      }
    })
    await writing
    const heads = method.takeHeadWeights && (await allHeadWeights(tagged.map(file)))
    if (heads !== undefined) await writeFileAtomic(run.headWeights, `${JSON.stringify(heads)}\n`)
  } finally {
    await writing.catch(() => undefined)
    progress.finish()
    await lost.tell(tagged.length)
    method.network.dispose()
  }
  await lost.conclude({ lost: lost.ids.length, total: tagged.length, maxLost: data.maxLost })
}

/** Over the pictures of all sessions, as their maps note them. */
async function allHeadWeights(files: readonly string[]): Promise<HeadWeights | undefined> {
  const parts: HeadWeights[] = []
  for (const path of files) {
    const note = await readClassMapNote(path, HEADS)
    if (note !== undefined) parts.push(JSON.parse(note) as HeadWeights)
  }
  return joinHeadWeights(parts)
}
