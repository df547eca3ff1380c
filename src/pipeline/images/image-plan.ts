/** @file At what size each image is worked on: within the longest side, no smaller than a patch, and so that the step fits into memory. */
import { sample } from '../../data/listing.ts'
import type { Sample } from '../../data/sample.ts'
import { scaledSize } from '../../data/transforms/views.ts'
import { InputError } from '../../errors.ts'
import { formatBytes } from '../../io/available-memory.ts'
import type { Log } from '../../train/log.ts'
import { memoryGate } from './memory-gate.ts'
import type { Size } from './step-memory.ts'

export interface ImagePlanOptions {
  /** Name of the work, before its lines. */
  readonly title: string
  /** Larger images are worked on as if reduced to this many pixels. */
  readonly longestSide: number
  /** The recipe's key for that. */
  readonly key: string
  /** Smaller images are left out: a side of a patch; none is left out when not given. */
  readonly least?: number
  /** Bytes that the step takes for an image of its own size worked on at another. */
  readonly memoryOf: (sizes: { own: Size; working: Size; sample: Pick<Sample, 'tags'> }) => number
  /** Bytes that may be taken now. */
  readonly budget: () => number
}

type Named = Pick<Sample, 'id' | 'image' | 'tags'>

export interface ImagePlan {
  /** Takes the memory of the step once it is free. The function that is returned gives it back. */
  enter(sizes: Parameters<ImagePlanOptions['memoryOf']>[0]): Promise<() => void>
  /** The share of its size that an image is worked on at. Throws InputError for one that cannot be. */
  fit(sample: Named, own: Size): number
  /** From now on the image is worked on at half that share: memory ran out all the same. */
  halve(sample: Pick<Named, 'id'>): void
  /** The image is left out after all, so nothing is said of its size. */
  forget(sample: Pick<Named, 'id'>): void
  /** Says in one line each which images were reduced, and which further than the longest side. */
  tell(log: Log): void
}

const STEP = 0.85 // from one size that is tried to the next
const SMALLEST = 32 // pixels of the longer side: less shows nothing

export function planImages({
  title,
  longestSide,
  key,
  least = 1,
  memoryOf,
  budget,
}: ImagePlanOptions): ImagePlan {
  const reduced = new Set<string>()
  const shrunk = new Map<string, string>()
  const halved = new Map<string, number>()
  let allowed = 0
  const gate = memoryGate(budget)
  return {
    enter: sizes => gate.enter(memoryOf(sizes)),
    fit(sample, own) {
      if (Math.min(own.width, own.height) < least) {
        throw new InputError(sample.image, `${own.width} x ${own.height} pixels is smaller than a patch`, {
          expected: `at least ${least} x ${least}`,
        })
      }
      const longest = Math.max(own.width, own.height)
      const wanted = Math.min(1, longestSide / longest)
      const there = gate.budget()
      const bytesAt = (fit: number): number => memoryOf({ own, working: scaledSize(own, fit), sample })
      const most = wanted * (halved.get(sample.id) ?? 1)
      let fit = most
      while (bytesAt(fit) > there) {
        fit *= STEP
        if (fit * longest < Math.min(SMALLEST, longest)) {
          throw new InputError(
            sample.image,
            `${own.width} x ${own.height} pixels do not fit into memory: about ${formatBytes(bytesAt(fit))} are needed even at the smallest size`,
            {
              expected: `${formatBytes(there)} may be used; free memory, raise the recipe's key memory (MB), or give a smaller image`,
            },
          )
        }
      }
      if (fit < wanted) {
        const { width, height } = scaledSize(own, fit)
        allowed = there
        shrunk.set(sample.id, `${sample.id} (${width} x ${height})`)
      } else if (fit < 1) reduced.add(sample.id)
      return fit
    },
    halve(sample) {
      halved.set(sample.id, 0.5)
    },
    forget({ id }) {
      reduced.delete(id)
      shrunk.delete(id)
    },
    tell(log) {
      if (reduced.size > 0) {
        const are = reduced.size === 1 ? '1 image is' : `${reduced.size} images are`
        log.info(
          `${title}: ${are} larger than ${key} (${longestSide} pixels) and worked on as if reduced to it: ${sample([...reduced])}`,
        )
      }
      if (shrunk.size > 0) {
        const do_ = shrunk.size === 1 ? '1 image does' : `${shrunk.size} images do`
        log.warn(
          `${title}: ${do_} not fit into memory (${formatBytes(allowed)} may be used, as memory of the recipe and of the machine allow) and ${shrunk.size === 1 ? 'is' : 'are'} worked on at a smaller size: ${sample([...shrunk.values()])}`,
        )
      }
      reduced.clear()
      shrunk.clear()
    },
  }
}

/** The size itself where it is within the longest side, else reduced to it. */
export function sizeWithin(longestSide: number, own: Size): Size {
  return scaledSize(own, Math.min(1, longestSide / Math.max(own.width, own.height)))
}
