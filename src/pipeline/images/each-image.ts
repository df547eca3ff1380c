/** @file Work of a stage on class maps with their images, each at a size at which it fits into memory. */
import type { Picture } from '../../data/dataset.ts'
import { memoryBudget } from '../../io/available-memory.ts'
import { memory } from '../../torch/index.ts'
import type { StageContext } from '../run/stage.ts'
import { type EachPictureOptions, eachPicture } from './each-picture.ts'
import type { ImagePlanOptions } from './image-plan.ts'
import { imageWork } from './image-work.ts'
import type { Size } from './step-memory.ts'

export type EachImageOptions = Pick<EachPictureOptions<Picture>, 'title' | 'atOnce'> &
  Pick<ImagePlanOptions, 'memoryOf'>

/**
 * As eachPicture: `work` is told the size to work at, within `maps.longestSide` and what fits. Says in a line which images were
 * reduced; returns the ids of those that were lost.
 */
export async function eachImage(
  { recipe, run, signal, log }: StageContext,
  pictures: readonly Picture[],
  file: (picture: Picture) => string,
  work: (picture: Picture, file: string, sizeOf: (own: Size) => Size) => Promise<void>,
  { memoryOf, ...options }: EachImageOptions,
): Promise<readonly string[]> {
  const { title } = options
  const { longestSide } = recipe.maps
  const now = (): number => memoryBudget({ cached: memory().cached, most: recipe.memory })
  const images = imageWork({ title, longestSide, key: 'maps.longestSide', memoryOf, now })
  try {
    return await eachPicture(
      pictures,
      file,
      (picture, path) => images.run(picture, sizeOf => work(picture, path, sizeOf)),
      {
        ...options,
        strict: recipe.strict,
        maxLost: recipe.data.maxLost,
        halve: images.halve,
        list: run.lostImages,
        signal,
        log,
      },
    )
  } finally {
    images.tell(log)
  }
}
