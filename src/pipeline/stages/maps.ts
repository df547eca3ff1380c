/** @file Stage `maps`: from weights to a class map for each tagged picture. */
import type { Picture } from '../../data/dataset.ts'
import { loadViews } from '../../data/view-loader.ts'
import { writeFileAtomic } from '../../io/atomic.ts'
import { ops, scope } from '../../torch/index.ts'
import { buildMethod, loadPublished, loadTrained, trainedWeights } from '../build-method.ts'
import { classMapFile, writeClassMaps } from '../class-map-file.ts'
import { exists } from '../each-picture.ts'
import { pictureMaps } from '../picture-maps.ts'
import { Interrupted, type StageContext } from '../stage.ts'

/** Writes maps/ID.safetensors for every picture with a tag, those already there are kept; and head-weights.json over
 * the pictures mapped since the stage was last interrupted, where the method weighs attention heads. */
export async function mapsStage({ recipe, dataset, run, signal, log }: StageContext): Promise<void> {
  const { maps: settings, normalise, strict } = recipe
  const method = buildMethod(recipe, { numClasses: dataset.classes.length })
  const weights = trainedWeights(recipe, run)
  if (settings.weights === null) await loadTrained(method.network, weights)
  else await loadPublished(method, weights, log)
  method.network.eval()
  const file = (picture: Picture): string => classMapFile(run.maps, picture)
  const tagged = dataset.pictures.filter(({ tags }) => tags.length > 0)
  const untagged = dataset.pictures.length - tagged.length
  if (untagged > 0) log.info(`maps: ${untagged} pictures have no tag, so no class to map`)
  const there = await Promise.all(tagged.map(picture => exists(file(picture))))
  const pictures = tagged.filter((_, i) => !there[i])
  const done = tagged.length - pictures.length
  const progress = log.progress({ title: 'maps', total: tagged.length, start: done })
  let count = done
  let bad = 0
  let writing: Promise<void> = Promise.resolve()
  try {
    const views = loadViews(pictures, {
      scales: settings.scales,
      normalisation: normalise,
      workers: recipe.data.workers ?? 1,
      strict,
      onBadPicture(picture, error) {
        bad++
        log.warn(`${picture.id} has no class map: ${error.message}`)
      },
    })
    for await (const { picture, views: scaled } of views) {
      const cam = scope(() =>
        ops.toDtype(pictureMaps(method, recipe, { picture, views: scaled }), settings.storage).toData(),
      )
      await writing // one file is written while the next picture is computed
      writing = writeClassMaps(file(picture), { cam, classes: picture.tags })
      writing.catch(() => undefined) // seen when awaited
      progress.update(++count + bad)
      if (signal.aborted) {
        await writing
        throw new Interrupted(`maps, picture ${count} of ${tagged.length}`)
      }
    }
    await writing
    const weights = method.headWeights?.()
    if (weights !== undefined) await writeFileAtomic(run.headWeights, `${JSON.stringify(weights)}\n`)
  } finally {
    progress.finish()
    method.network.dispose()
  }
}
