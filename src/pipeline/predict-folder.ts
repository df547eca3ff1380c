/** @file `tagmask predict RUN --images FOLDER`: masks of any pictures with the segmentation network of a run. */
import { join } from 'node:path'
import { openPictures } from '../data/folder.ts'
import type { Picture } from '../data/picture.ts'
import { InputError } from '../errors.ts'
import { writeImage } from '../io/image.ts'
import { writeLabelMap } from '../io/indexed-png.ts'
import type { Log } from '../train/log.ts'
import { loadSegmentation, shownTo } from './build-segmentation.ts'
import { exists } from './each-picture.ts'
import { predictPictures } from './predict-pictures.ts'
import type { Way } from './prediction-file.ts'
import type { Recipe } from './recipe/schema.ts'
import { drawMask } from './report/index.ts'
import { fromHere, makeFolder, type RunFolder } from './run-folder.ts'
import { Interrupted } from './stage.ts'

export interface PredictFolderOptions {
  readonly run: RunFolder
  readonly recipe: Recipe
  /** Folder of pictures; those below it count too. */
  readonly images: string
  readonly out: string
  /** Refine borders by the dense CRF. */
  readonly crf: boolean
  /** Also write each mask laid over its picture. */
  readonly overlays: boolean
  /** Make masks again that are there. */
  readonly force: boolean
  readonly signal: AbortSignal
  readonly log: Log
}

/** Writes out/ID.png and out/overlays/ID.png; returns how many. Throws InputError, or Interrupted after an abort. */
export async function predictFolder(options: PredictFolderOptions): Promise<number> {
  const { run, recipe, images, out, crf, overlays, force, signal, log } = options
  const pictures = await openPictures(images, { report: sentence => log.warn(sentence) })
  const { network, classes } = await loadSegmentation(recipe, run)
  const overlayFolder = join(out, 'overlays')
  await makeFolder(overlays ? overlayFolder : out)
  const file = ({ id }: Picture): string => join(out, `${id}.png`)
  const overlayFile = ({ id }: Picture): string => join(overlayFolder, `${id}.png`)
  const isDone = async (picture: Picture): Promise<boolean> =>
    !force && (await exists(file(picture))) && (!overlays || (await exists(overlayFile(picture))))
  const done = await Promise.all(pictures.map(isDone))
  const open = pictures.filter((_, i) => !done[i])
  const { predict, device, precision, strict } = recipe
  if (crf && predict.crf === null)
    throw new InputError('predict.crf', 'is null', { expected: 'leave out --crf, or set its parameters' })
  const way: Way = crf ? 'ms-crf' : 'ms'
  const progress = log.progress({
    title: 'predict',
    total: pictures.length,
    start: pictures.length - open.length,
  })
  let count = pictures.length - open.length
  try {
    const predictions = predictPictures(network, open, {
      ...predict,
      ways: [way],
      ...shownTo(recipe),
      workers: recipe.data.workers ?? 1,
      device,
      precision,
      strict,
      onBadPicture: ({ id }, error) => log.warn(`${id} has no mask: ${error.message}`),
    })
    for await (const { picture, image, labels } of predictions) {
      const mask = labels.get(way)!
      if (overlays) await writeImage(overlayFile(picture), drawMask(image, mask, picture.id))
      await writeLabelMap(file(picture), mask)
      progress.update(++count)
      if (signal.aborted) throw new Interrupted(`predict, picture ${count} of ${pictures.length}`)
    }
  } finally {
    progress.finish()
    network.dispose()
  }
  log.info(
    `masks in ${fromHere(out)}; labels: 0 background, ${classes.map((name, k) => `${k + 1} ${name}`).join(', ')}`,
  )
  return count
}
