/** @file Class maps of pictures one after the other, as the recipe's `maps` section says, whatever the size of a picture. */
import type { Picture } from '../../data/picture.ts'
import { scaledSize } from '../../data/transforms/views.ts'
import { loadViews, type PictureViews } from '../../data/view-loader.ts'
import type { InputError } from '../../errors.ts'
import { isOutOfMemory, memoryBudget } from '../../io/available-memory.ts'
import type { Method } from '../../methods/index.ts'
import { autocast, emptyCache, memory, scope, type Tensor, tensor } from '../../torch/index.ts'
import type { Log } from '../../train/log.ts'
import { encoderOf } from '../recipe/method.ts'
import type { Recipe } from '../recipe/schema.ts'
import { outOfMemoryNamed } from './each-picture.ts'
import { planImages } from './image-plan.ts'
import { mapsMemory, type Size } from './step-memory.ts'

/** Maps [K, H, W] in [0, 1] of the picture's tags, at the given size, or that of its first view. */
export function pictureMaps(
  method: Method,
  { maps: { flip }, device, precision }: Pick<Recipe, 'maps' | 'device' | 'precision'>,
  { picture, views, size }: Pick<PictureViews, 'picture' | 'views'> & { size?: Size },
): Tensor {
  return scope(() => {
    const images = views.map(({ width, height, data }) => tensor(data, [1, 3, height, width]).to({ device }))
    return autocast({ precision, device }, () =>
      method.imageMaps(images, {
        classes: picture.tags,
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
  readonly onBadPicture: (picture: Picture, error: InputError) => void
  readonly log: Log
}

/**
 * Calls `use` with the maps of each picture, of the size that it was worked on at, and the picture's own size. A picture
 * that cannot be read, is smaller than a patch or does not fit into memory is reported and left out, or ends all under
 * `strict`.
 */
export async function eachPictureMaps(
  method: Method,
  recipe: Recipe,
  pictures: readonly Picture[],
  { title, scales, onBadPicture, log }: EachMapsOptions,
  use: (picture: Picture, maps: Tensor, own: Size) => Promise<void>,
): Promise<void> {
  const { maps: settings, normalise: normalisation, data, strict } = recipe
  const { patchSize: least } = encoderOf(recipe)
  const plan = planImages({
    title,
    longestSide: settings.longestSide,
    key: 'maps.longestSide',
    least,
    memoryOf: ({ own, working, picture: { tags } }) =>
      mapsMemory(
        { ...recipe, maps: { ...settings, scales: [...scales] } },
        { own, working, tags: tags.length, classes: method.numClasses },
      ),
    budget: () => memoryBudget({ cached: memory().cached, most: recipe.memory }),
  })
  const leaveOut = (picture: Picture, error: InputError): void => {
    plan.forget(picture)
    onBadPicture(picture, error)
  }
  const fits = new Map<string, number>()
  const load = (some: readonly Picture[], workers: number) =>
    loadViews(some, {
      scales,
      least,
      fitOf(picture, own) {
        const fit = plan.fit(picture, own)
        fits.set(picture.id, fit)
        return fit
      },
      normalisation,
      withImage: false,
      workers,
      strict,
      onBadPicture: leaveOut,
    })
  const look = async ({ picture, views, image: { width, height } }: PictureViews): Promise<void> => {
    const own = { width, height }
    const fit = fits.get(picture.id) ?? 1
    const size = fit === 1 ? own : scaledSize(own, fit)
    const maps = pictureMaps(method, recipe, { picture, views, size })
    try {
      await use(picture, maps, own)
    } finally {
      maps.dispose()
    }
  }
  const again = async (picture: Picture): Promise<void> => {
    plan.halve(picture)
    emptyCache()
    for await (const smaller of load([picture], 1)) {
      await look(smaller).catch((error: unknown) => {
        const named = outOfMemoryNamed(picture, error)
        if (strict || named === error) throw named
        leaveOut(picture, named as InputError)
      })
    }
  }
  try {
    for await (const loaded of load(pictures, data.workers ?? 1)) {
      await look(loaded).catch((error: unknown) => {
        if (!isOutOfMemory(error)) throw error
        return again(loaded.picture)
      })
    }
  } finally {
    plan.tell(log)
  }
}
