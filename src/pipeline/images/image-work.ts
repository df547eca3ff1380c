/** @file Work on images that lie in files, each at a size at which it fits into memory, and no more at once than do. */
import type { Sample } from '../../data/sample.ts'
import { imageSize } from '../../io/image-size.ts'
import { type ImagePlan, type ImagePlanOptions, planImages, workingSize } from './image-plan.ts'
import { memoryGate } from './memory-gate.ts'
import type { Size } from './step-memory.ts'

export interface ImageWork extends Pick<ImagePlan, 'halve' | 'tell'> {
  /** Calls `work` with what makes the working size of the image's own, when there is memory for it. Rejects with InputError. */
  run<T>(
    sample: Pick<Sample, 'id' | 'image' | 'tags'>,
    work: (sizeOf: (own: Size) => Size) => Promise<T>,
  ): Promise<T>
}

/** `now`: bytes that may be taken at a moment. */
export function imageWork({
  now,
  ...options
}: Omit<ImagePlanOptions, 'budget'> & { readonly now: () => number }): ImageWork {
  const gate = memoryGate({ now })
  const plan = planImages({ ...options, budget: gate.budget })
  return {
    halve: plan.halve,
    tell: plan.tell,
    async run(sample, work) {
      const own = await imageSize(sample.image)
      if (own === undefined) return work(size => size) // reading it will tell why
      const working = workingSize(own, plan.fit(sample, own))
      const bytes = options.memoryOf({ own, working, sample })
      return gate
        .run(bytes, () => work(() => working))
        .catch((error: unknown) => {
          plan.forget(sample)
          throw error
        })
    },
  }
}
