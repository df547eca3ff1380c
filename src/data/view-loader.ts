/** @file One picture at a time with all its scales, decoded ahead: what class maps are made from. */
import type { InputError } from '../errors.ts'
import type { RgbImage } from '../io/image.ts'
import { workerUrl } from '../io/worker-url.ts'
import { inputError, type LoaderWorkerData, type ViewReply, type ViewTask } from './loader-protocol.ts'
import type { Picture } from './picture.ts'
import { IMAGENET, type Normalisation } from './transforms/normalise.ts'
import type { View } from './transforms/views.ts'
import { openWorkerPool } from './worker-pool.ts'

/** `image` is the picture at its native size; `views` follow the scales. */
export interface PictureViews {
  readonly picture: Picture
  readonly image: RgbImage
  readonly views: readonly View[]
}

export interface ViewOptions {
  readonly scales: readonly number[]
  /** Sizes are rounded to multiples of this many pixels. */
  readonly unit?: number
  /** Scales of larger pictures are relative to what fits into this many pixels. */
  readonly longestSide?: number
  readonly normalisation?: Normalisation
  readonly workers?: number
  /** Pictures made ahead of the one in use. */
  readonly prefetch?: number
  readonly strict?: boolean
  readonly onBadPicture?: ((picture: Picture, error: InputError) => void) | undefined
}

/** Yields the pictures in order; one that cannot be read is reported and left out, or thrown when `strict`. */
export async function* loadViews(
  pictures: readonly Picture[],
  {
    scales,
    unit = 1,
    longestSide = Number.POSITIVE_INFINITY,
    normalisation = IMAGENET,
    workers = 1,
    prefetch = 2,
    strict = false,
    onBadPicture,
  }: ViewOptions,
): AsyncGenerator<PictureViews, void> {
  const pool = openWorkerPool<ViewTask, ViewReply>(workerUrl(import.meta.url, 'loader-worker'), {
    size: workers,
    workerData: {
      job: { kind: 'views', scales, unit, longestSide, normalisation },
      cacheBytes: 0,
    } satisfies LoaderWorkerData,
    nameOf: ({ path }) => path,
  })
  const ahead: Promise<ViewReply>[] = []
  try {
    for (const [position, picture] of pictures.entries()) {
      for (
        let next = position + ahead.length;
        next <= position + prefetch && next < pictures.length;
        next++
      ) {
        const reply = pool.run(next % workers, { path: pictures[next]!.image })
        reply.catch(() => undefined) // seen when its turn comes
        ahead.push(reply)
      }
      const reply = await ahead.shift()!
      if (!('bad' in reply)) yield { picture, ...reply }
      else if (strict) throw inputError(reply.bad)
      else onBadPicture?.(picture, inputError(reply.bad))
    }
  } finally {
    await pool.close()
  }
}
