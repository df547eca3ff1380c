/** @file One image at a time with all its scales, decoded ahead: the input of CAMs. */
import type { InputError } from '../errors.ts'
import type { RgbImage } from '../io/image.ts'
import { type ImageSize, imageSize } from '../io/image-size.ts'
import { workerUrl } from '../io/worker-url.ts'
import { decodeThreads } from './decode-threads.ts'
import {
  type BadImage,
  badImage,
  inputError,
  type LoaderJob,
  type ViewReply,
  type ViewTask,
} from './loader-protocol.ts'
import type { Sample } from './sample.ts'
import { IMAGENET, type Normalisation } from './transforms/normalise.ts'
import type { UnitRounding, View } from './transforms/views.ts'
import { openWorkerPool } from './worker-pool.ts'

/** `image` is the image at its native size; `views` follow the scales. */
export interface ImageViews {
  readonly sample: Sample
  readonly image: RgbImage
  readonly views: readonly View[]
}

export interface ViewOptions {
  readonly scales: readonly number[]
  /** Sizes are rounded to multiples of this many pixels. */
  readonly unit?: number
  readonly rounding?: UnitRounding
  /** No side of a view is shorter than this. */
  readonly least?: number
  /** Scales of larger images are relative to what fits into this many pixels. */
  readonly longestSide?: number
  /**
   * The share of its size that the scales of an image are relative to, chosen from its header before it is decoded; an
   * InputError reports the image and leaves it out.
   */
  readonly fitOf?: (sample: Sample, size: ImageSize) => number
  readonly normalisation?: Normalisation
  /** Without, the pixels of `image` are not passed on: it then has its size alone. */
  readonly withImage?: boolean
  /** Threads that decode; null: as many as computing is the faster for. */
  readonly workers?: number | null
  /** Images decoded ahead of the one in use, small ones many more, and the bytes of their pixels; at least one. */
  readonly prefetch?: number
  readonly prefetchBytes?: number
  readonly strict?: boolean
  readonly onBadImage?: ((sample: Sample, error: InputError) => void) | undefined
}

/** Images that are used in groups must be there together. */
const SMALL = { prefetch: 16, bytes: 1e6 }

interface Ahead {
  readonly reply: Promise<ViewReply>
  readonly bytes: number
}

/** Yields the images in order; one that cannot be read is reported and left out, or thrown when `strict`. */
export async function* loadViews(
  samples: readonly Sample[],
  {
    scales,
    unit = 1,
    least = 1,
    rounding = 'nearest',
    longestSide = Number.POSITIVE_INFINITY,
    fitOf = () => 1,
    normalisation = IMAGENET,
    withImage = true,
    workers = 1,
    prefetch = 2,
    prefetchBytes = 256e6,
    strict = false,
    onBadImage,
  }: ViewOptions,
): AsyncGenerator<ImageViews, void> {
  const threads = decodeThreads(workers)
  const pool = openWorkerPool<ViewTask, ViewReply>(workerUrl(import.meta.url, 'loader-worker'), {
    size: threads.most,
    job: {
      kind: 'views',
      scales,
      unit,
      least,
      rounding,
      longestSide,
      normalisation,
      withImage,
    } satisfies LoaderJob,
    nameOf: ({ path }) => path,
  })
  const begin = (index: number, plan: Plan): Ahead => {
    if ('bad' in plan) return { reply: Promise.resolve(plan), bytes: 0 }
    const reply = pool.run(index % threads.count, { path: samples[index]!.image, fit: plan.fit })
    reply.catch(() => undefined) // seen when its turn comes
    return { reply, bytes: plan.bytes }
  }
  const ahead: Ahead[] = []
  let planned: Plan | undefined // of the first image that is not begun
  let bytes = 0
  try {
    for (const [position, sample] of samples.entries()) {
      for (
        let next = position + ahead.length;
        next <= position + SMALL.prefetch && next < samples.length;
        next++
      ) {
        planned ??= await planOf(samples[next]!, fitOf)
        const more = 'bad' in planned ? 0 : planned.bytes
        const most =
          next <= position + Math.max(prefetch, threads.count)
            ? prefetchBytes
            : Math.min(SMALL.bytes, prefetchBytes)
        if (ahead.length > 0 && bytes + more > most) break
        ahead.push(begin(next, planned))
        bytes += more
        planned = undefined
      }
      const first = ahead.shift()!
      const reply = await threads.wait(first.reply)
      bytes -= first.bytes
      if (!('bad' in reply)) yield { sample, ...reply }
      else if (strict) throw inputError(reply.bad)
      else onBadImage?.(sample, inputError(reply.bad))
    }
  } finally {
    await pool.close()
  }
}

/** The scale of an image and the bytes of its pixels; or why it is left out. */
type Plan = { readonly fit: number; readonly bytes: number } | { readonly bad: BadImage }

async function planOf(sample: Sample, fitOf: Required<ViewOptions>['fitOf']): Promise<Plan> {
  const size = await imageSize(sample.image)
  if (size === undefined) return { fit: 1, bytes: 0 } // the worker will say why
  try {
    return { fit: fitOf(sample, size), bytes: 3 * size.width * size.height }
  } catch (error) {
    const bad = badImage(error, sample.image)
    if (bad === undefined) throw error
    return { bad }
  }
}
