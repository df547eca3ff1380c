/** @file Work on many images at once, each by itself, at a size at which it fits into memory. Imports no torch. */
import type { Sample } from '../../data/sample.ts'
import { scaledSize } from '../../data/transforms/views.ts'
import { imageSize } from '../../io/image-size.ts'
import { type PassOptions, passOver } from './image-pass.ts'
import { type ImagePlanOptions, planImages } from './image-plan.ts'
import { inParallel } from './in-parallel.ts'
import { tryTwice } from './out-of-memory.ts'
import type { Size } from './step-memory.ts'

export interface EachImageOptions<P> extends Omit<PassOptions<P>, 'filesOf'> {
  /** Images in work at the same time. */
  readonly atOnce?: number
  /** Size and memory that an image may take; `budget`: bytes that are free now. Without it each is worked on as it is. */
  readonly within?: Omit<ImagePlanOptions, 'title'>
}

/**
 * Calls `work` for every image whose `fileOf` is not there yet; `sizeOf` makes of the image's own size that to work at. One
 * for which memory runs out is tried once more at half its size. Returns, tells and throws as `passOver`.
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
    if (!plan || !image || !own) return work(sample, fileOf(sample), size => size) // reading it tells why
    const working = scaledSize(own, plan.fit({ id, image, tags }, own))
    const leave = await plan.enter({ own, working, sample: { tags } })
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
