/** @file Work of a stage on CAMs with their images, each at a size at which it fits into memory. */
import type { Sample } from '../../data/dataset.ts'
import { memoryBudget } from '../../io/available-memory.ts'
import { memory } from '../../torch/index.ts'
import type { StageContext } from '../run/stage.ts'
import { type EachImageOptions, eachImage } from './each-image.ts'
import type { ImagePlanOptions } from './image-plan.ts'
import { imageWork } from './image-work.ts'
import type { Size } from './step-memory.ts'

export type SizedImageOptions = Pick<EachImageOptions<Sample>, 'title' | 'atOnce'> &
  Pick<ImagePlanOptions, 'memoryOf'>

/**
 * As eachImage: `work` is told the size to work at, within `maps.longestSide` and what fits. Says in a line which images were
 * reduced; returns the ids of those that were lost.
 */
export async function eachSizedImage(
  { recipe, run, signal, log }: StageContext,
  samples: readonly Sample[],
  file: (sample: Sample) => string,
  work: (sample: Sample, file: string, sizeOf: (own: Size) => Size) => Promise<void>,
  { memoryOf, ...options }: SizedImageOptions,
): Promise<readonly string[]> {
  const { title } = options
  const { longestSide } = recipe.maps
  const now = (): number => memoryBudget({ cached: memory().cached, most: recipe.memory })
  const images = imageWork({ title, longestSide, key: 'maps.longestSide', memoryOf, now })
  try {
    return await eachImage(
      samples,
      file,
      (sample, path) => images.run(sample, sizeOf => work(sample, path, sizeOf)),
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
