/** @file Working size of each image: within the longest side, at least a patch, and so that the step fits into memory. */
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
  /** Longest side of the working size, pixels. */
  readonly longestSide: number
  /** The recipe's key for that. */
  readonly key: string
  /** Side of a patch: smaller images are left out. Default: none. */
  readonly least?: number
  /** Bytes that the step takes for an image at a working size. */
  readonly memoryOf: (sizes: { own: Size; working: Size; sample: Pick<Sample, 'tags'> }) => number
  /** Bytes free now. */
  readonly budget: () => number
}

type Named = Pick<Sample, 'id' | 'image' | 'tags'>

type PlannedImage = Parameters<ImagePlanOptions['memoryOf']>[0]

export interface ImagePlan {
  /** Reserves the memory of a step on images once it is free; the returned function releases it. */
  enter(images: readonly PlannedImage[]): Promise<() => void>
  /** Whether a step on all of them fits into the memory that a step running alone may take. */
  hasRoom(images: readonly PlannedImage[]): boolean
  /** Scale of the working size. Throws InputError for an image that is too small or does not fit. */
  fit(sample: Named, own: Size): number
  /** Halves the scale of an image that ran out of memory. */
  halve(sample: Pick<Named, 'id'>): void
  /** Drops an image that is left out from the report of sizes. */
  forget(sample: Pick<Named, 'id'>): void
  /** Logs which images were reduced to the longest side, and which further, a line each. */
  tell(log: Log): void
}

const STEP = 0.85 // from one tried size to the next
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
  const bytesOf = (images: readonly PlannedImage[]): number =>
    images.reduce((sum, image) => sum + memoryOf(image), 0)
  return {
    enter: images => gate.enter(bytesOf(images)),
    hasRoom: images => bytesOf(images) <= gate.budget(),
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
          `${title}: ${are} larger than ${key} (${longestSide} pixels) and processed at that size: ${sample([...reduced])}`,
        )
      }
      if (shrunk.size > 0) {
        const do_ = shrunk.size === 1 ? '1 image does' : `${shrunk.size} images do`
        log.warn(
          `${title}: ${do_} not fit into memory (${formatBytes(allowed)} may be used, by memory of the recipe and of the machine) and ${shrunk.size === 1 ? 'is' : 'are'} processed at a smaller size: ${sample([...shrunk.values()])}`,
        )
      }
      reduced.clear()
      shrunk.clear()
    },
  }
}

/** The size, reduced to the longest side if larger. */
export function sizeWithin(longestSide: number, own: Size): Size {
  return scaledSize(own, Math.min(1, longestSide / Math.max(own.width, own.height)))
}
