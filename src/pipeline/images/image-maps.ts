/** @file CAMs of images one after the other, as the recipe's `maps` section says, whatever the size of an image. */
import type { Sample } from '../../data/sample.ts'
import { scaledSize } from '../../data/transforms/views.ts'
import { type ImageViews, loadViews } from '../../data/view-loader.ts'
import type { InputError } from '../../errors.ts'
import { isOutOfMemory, memoryBudget } from '../../io/available-memory.ts'
import type { Method } from '../../methods/index.ts'
import { autocast, emptyCache, memory, scope, type Tensor, tensor } from '../../torch/index.ts'
import type { Log } from '../../train/log.ts'
import { encoderOf } from '../recipe/method.ts'
import type { Recipe } from '../recipe/schema.ts'
import { outOfMemoryNamed } from './each-image.ts'
import { planImages } from './image-plan.ts'
import { mapsMemory, type Size } from './step-memory.ts'

/** Maps [K, H, W] in [0, 1] of the image's tags, at the given size, or that of its first view. */
export function imageMaps(
  method: Method,
  { maps: { flip }, device, precision }: Pick<Recipe, 'maps' | 'device' | 'precision'>,
  { sample, views, size }: Pick<ImageViews, 'sample' | 'views'> & { size?: Size },
): Tensor {
  return scope(() => {
    const images = views.map(({ width, height, data }) => tensor(data, [1, 3, height, width]).to({ device }))
    return autocast({ precision, device }, () =>
      method.imageMaps(images, {
        classes: sample.tags,
        flip,
        ...(size !== undefined && { size: [size.height, size.width] }),
      }),
    )
  })
}

export interface EachMapsOptions {
  /** Name of the work, before its lines. */
  readonly title: string
  readonly scales: readonly number[]
  readonly onBadImage: (sample: Sample, error: InputError) => void
  readonly log: Log
}

/**
 * Calls `use` with the maps of each image, of the size that it was worked on at, and the image's own size. An image
 * that cannot be read, is smaller than a patch or does not fit into memory is reported and left out, or ends all under
 * `strict`.
 */
export async function eachImageMaps(
  method: Method,
  recipe: Recipe,
  samples: readonly Sample[],
  { title, scales, onBadImage, log }: EachMapsOptions,
  use: (sample: Sample, maps: Tensor, own: Size) => Promise<void>,
): Promise<void> {
  const { maps: settings, normalise: normalisation, data, strict } = recipe
  const { patchSize: least } = encoderOf(recipe)
  const plan = planImages({
    title,
    longestSide: settings.longestSide,
    key: 'maps.longestSide',
    least,
    memoryOf: ({ own, working, sample: { tags } }) =>
      mapsMemory(
        { ...recipe, maps: { ...settings, scales: [...scales] } },
        { own, working, tags: tags.length, classes: method.numClasses },
      ),
    budget: () => memoryBudget({ cached: memory().cached, most: recipe.memory }),
  })
  const leaveOut = (sample: Sample, error: InputError): void => {
    plan.forget(sample)
    onBadImage(sample, error)
  }
  const fits = new Map<string, number>()
  const load = (some: readonly Sample[], workers: number) =>
    loadViews(some, {
      scales,
      least,
      fitOf(sample, own) {
        const fit = plan.fit(sample, own)
        fits.set(sample.id, fit)
        return fit
      },
      normalisation,
      withImage: false,
      workers,
      strict,
      onBadImage: leaveOut,
    })
  const look = async ({ sample, views, image: { width, height } }: ImageViews): Promise<void> => {
    const own = { width, height }
    const fit = fits.get(sample.id) ?? 1
    const size = fit === 1 ? own : scaledSize(own, fit)
    const maps = imageMaps(method, recipe, { sample, views, size })
    try {
      await use(sample, maps, own)
    } finally {
      maps.dispose()
    }
  }
  const again = async (sample: Sample): Promise<void> => {
    plan.halve(sample)
    emptyCache()
    for await (const smaller of load([sample], 1)) {
      await look(smaller).catch((error: unknown) => {
        const named = outOfMemoryNamed(sample, error)
        if (strict || named === error) throw named
        leaveOut(sample, named as InputError)
      })
    }
  }
  try {
    for await (const loaded of load(samples, data.workers ?? 1)) {
      await look(loaded).catch((error: unknown) => {
        if (!isOutOfMemory(error)) throw error
        return again(loaded.sample)
      })
    }
  } finally {
    plan.tell(log)
  }
}
