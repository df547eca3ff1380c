/** @file Processes images in parallel, each at a size that fits into memory. Imports no torch. */
import type { Sample } from '../../data/sample.ts'
import { scaledSize } from '../../data/transforms/views.ts'
import { imageSize } from '../../io/image-size.ts'
import { type PassOptions, passOver } from './image-pass.ts'
import { type ImagePlanOptions, planImages } from './image-plan.ts'
import { inParallel } from './in-parallel.ts'
import { tryTwice } from './out-of-memory.ts'
import type { Size } from './step-memory.ts'

export interface EachImageOptions<P> extends Omit<PassOptions<P>, 'filesOf'> {
  /** Images processed at the same time. */
  readonly atOnce?: number
  /** Limits of size and memory; `budget`: bytes free now. Without it images keep their size. */
  readonly within?: Omit<ImagePlanOptions, 'title'>
}

/**
 * Calls `work` for every image whose `fileOf` does not exist; `sizeOf` maps the image's size to the working size. An image
 * that runs out of memory is tried once more at half its size. Returns, reports and throws as `passOver`.
 */
export async function eachImage<P extends Pick<Sample, 'id'> & Partial<Sample>>(
  samples: readonly P[],
  fileOf: (sample: P) => string,
  work: (sample: P, file: string, sizeOf: (own: Size) => Size) => Promise<void>,
  { atOnce = 1, within, ...options }: EachImageOptions<P>,
): Promise<readonly string[]> {
  const { title, signal, log } = options
  const plan = within && planImages({ title, ...within })
  const run = async (sample: P): Promise<void> => {
    const { id, image, tags = [] } = sample
    const own = image === undefined ? undefined : await imageSize(image)
    if (!plan || !image || !own) return work(sample, fileOf(sample), size => size) // reading it throws the reason
    const working = scaledSize(own, plan.fit({ id, image, tags }, own))
    const leave = await plan.enter([{ own, working, sample: { tags } }])
    try {
      await work(sample, fileOf(sample), () => working)
    } catch (error) {
      plan.forget(sample)
      throw error
    } finally {
      leave()
    }
  }
  try {
    const filesOf = (sample: P): string[] => [fileOf(sample)]
    return await passOver(samples, { ...options, filesOf }, async pass => {
      const one = async (sample: P): Promise<void> => {
        if (signal.aborted) return
        const smaller = (): Promise<void> => {
          plan?.halve(sample)
          return run(sample)
        }
        await tryTwice(sample, () => run(sample), plan && smaller).then(pass.done, error =>
          pass.lose(sample, error),
        )
      }
      await inParallel(pass.open, one, { atOnce })
    })
  } finally {
    plan?.tell(log)
  }
}
