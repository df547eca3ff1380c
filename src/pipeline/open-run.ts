/** @file A trained run as a function of one image in memory. Imports no torch until a run is opened. */
import type { Sample } from '../data/sample.ts'
import { fittedViews } from '../data/transforms/views.ts'
import type { loadViews } from '../data/view-loader.ts'
import { InputError, TagmaskError } from '../errors.ts'
import { type RgbImage, readImage } from '../io/image.ts'
import type { LabelMap } from '../io/indexed-png.ts'
import { checkPixelBytes } from '../io/pixel-bytes.ts'
import { type Log, silentLog } from '../train/log.ts'
import type { LabelScores } from './images/predict-images.ts'
import { loadRecipe } from './recipe/load.ts'
import { existingRunFolder, fromHere } from './run/run-folder.ts'

export interface OpenRunOptions {
  /** Changed keys of the run's recipe, as after --set: `predict.scales=[1]`, `device=cuda`. */
  readonly set?: readonly string[]
  /** Receives a line for each image that was reduced to fit into memory. */
  readonly log?: Log
}

/** The prediction for an image. */
export interface ImagePrediction {
  /** One label a pixel at the image's own size: 0 is the background, k + 1 is class k. */
  readonly labels: LabelMap
  /**
   * Probabilities [labels, height, width] over all scales and flips, before the CRF. They have the size that the network
   * saw: the image's own, or smaller where that is above predict.longestSide or what memory allows.
   */
  readonly scores: LabelScores
}

/** A run with its network in memory. */
export interface OpenedRun extends Disposable {
  /** Names of the foreground classes: class k is label k + 1. */
  readonly classes: readonly string[]
  /**
   * Labels an RGB image of 8 bits, or the image in a file, as `tagmask predict --images` does; one image after another.
   * `crf` refines the labels by the dense CRF of predict.crf. Throws InputError for an unusable image.
   */
  predict(image: RgbImage | string, options?: { readonly crf?: boolean }): Promise<ImagePrediction>
  /** Frees the network; nothing can be predicted afterwards. */
  dispose(): void
}

/**
 * Loads the segmentation network that a run has trained, on the device of its recipe, and sets libtorch's threads and seed as
 * the recipe says. Throws InputError when there is no such run or when it has trained none, naming the run and the remedy.
 */
export async function openRun(
  root: string,
  { set = [], log = silentLog() }: OpenRunOptions = {},
): Promise<OpenedRun> {
  const { run } = await existingRunFolder(root)
  const { recipe } = await loadRecipe(run.recipe, { set })
  const { loadLabelNetwork } = await import('./networks/build-segmentation.ts')
  const { lookOf, predictImages } = await import('./images/predict-images.ts')
  const { network, classes } = await loadLabelNetwork(recipe, run)
  let closed = false

  async function one(image: RgbImage | string, crf: boolean): Promise<ImagePrediction> {
    const name = typeof image === 'string' ? image : 'image'
    const pixels = typeof image === 'string' ? await readImage(image) : image
    checkPixelBytes(pixels, { what: 'image', channels: 3 })
    if (closed) throw new TagmaskError(`${fromHere(run.root)}: the run was disposed of`)
    const way = crf ? 'ms-crf' : 'ms'
    const predictions = predictImages(network, [{ id: name, image: name, tags: [], mask: undefined }], {
      ...lookOf(recipe),
      ways: [way],
      load: viewsOf(pixels),
      atOnce: 1,
      withScores: true,
      strict: true,
      onBadImage: () => undefined, // strict: thrown
      log,
    })
    for await (const { labels, scores } of predictions) return { labels: labels.get(way)!, scores: scores! }
    throw new TagmaskError(`${name}: no prediction was made`)
  }

  let last: Promise<unknown> = Promise.resolve()
  const dispose = (): void => {
    closed = true
    network.dispose()
  }
  return {
    classes,
    async predict(image, { crf = false } = {}) {
      if (crf && recipe.predict.crf === null) {
        const expected = 'leave out crf, or open the run with set: ["predict.crf={}"]'
        throw new InputError('predict.crf', 'is null', { expected })
      }
      const prediction = last.then(() => one(image, crf))
      last = prediction.catch(() => undefined) // memory is estimated for one image
      return prediction
    },
    dispose,
    [Symbol.dispose]: dispose,
  }
}

/** A loader of the given image, without reading files. */
function viewsOf(image: RgbImage): typeof loadViews {
  return async function* (
    [sample]: readonly Sample[],
    { fitOf = () => 1, longestSide = Infinity, ...options },
  ) {
    const views = fittedViews(image, { ...options, longestSide, fit: fitOf(sample!, image) })
    yield { sample: sample!, image, views }
  }
}
