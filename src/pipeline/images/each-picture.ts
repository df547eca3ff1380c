/** @file Work on many pictures at once, each by itself: what cannot be used is named, what is there is kept. Imports no torch. */
import { stat } from 'node:fs/promises'
import { InputError } from '../../errors.ts'
import { isOutOfMemory } from '../../io/available-memory.ts'
import type { Log } from '../../train/log.ts'
import { Interrupted } from '../run/stage.ts'
import { collectLost } from './lost-images.ts'

export interface EachPictureOptions<P> {
  /** Name of the work, before its progress and messages. */
  readonly title: string
  /** Pictures in work at the same time. */
  readonly atOnce?: number
  readonly strict: boolean
  /** Largest share of the pictures that may be lost. */
  readonly maxLost?: number
  /** Makes the work need less memory for a picture for which it ran out: it is then tried once more. */
  readonly halve?: (picture: P) => void
  /** The file that names all that are lost, `lostImages` of the run folder. */
  readonly list?: string | undefined
  readonly signal: AbortSignal
  readonly log: Log
}

/**
 * Calls `work` for every picture whose `file` is not there yet. An InputError, or memory that runs out, is told in
 * one line at the end, or ends all when `strict`; the ids of pictures lost so are returned, and InputError is thrown when they
 * are more than `maxLost` allows. Throws Interrupted after an abort, when the pictures in work are done.
 */
export async function eachPicture<P extends { readonly id: string; readonly image?: string }>(
  pictures: readonly P[],
  file: (picture: P) => string,
  work: (picture: P, file: string) => Promise<void>,
  { title, atOnce = 1, strict, maxLost = 0.5, halve, list, signal, log }: EachPictureOptions<P>,
): Promise<readonly string[]> {
  const there = await Promise.all(pictures.map(picture => exists(file(picture))))
  const missing = pictures.filter((_, i) => !there[i])
  const kept = pictures.length - missing.length
  const progress = log.progress({ title, total: pictures.length, start: kept })
  const lost = collectLost({ title, list, log })
  let [next, done, failed] = [0, 0, false]
  const attempt = async (picture: P): Promise<void> => {
    try {
      await work(picture, file(picture))
    } catch (error) {
      if (halve === undefined || !isOutOfMemory(error)) throw outOfMemoryNamed(picture, error)
      halve(picture)
      await work(picture, file(picture)).catch((again: unknown) => {
        throw outOfMemoryNamed(picture, again)
      })
    }
  }
  const worker = async (): Promise<void> => {
    for (let picture = missing[next++]; picture !== undefined; picture = missing[next++]) {
      if (signal.aborted || failed) return
      try {
        await attempt(picture)
      } catch (error) {
        failed = strict || !(error instanceof InputError)
        if (failed) throw error
        lost.add(picture, error as InputError)
      }
      progress.update(kept + ++done)
    }
  }
  try {
    const outcomes = await Promise.allSettled(Array.from({ length: atOnce }, worker))
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  } finally {
    progress.finish()
    await lost.tell(pictures.length)
  }
  if (signal.aborted) throw new Interrupted(`${title}, image ${kept + done} of ${pictures.length}`)
  await lost.conclude({ lost: lost.ids.length, total: pictures.length, maxLost })
  return lost.ids
}

/** An InputError that names the picture when memory ran out, else the error itself. */
export function outOfMemoryNamed(
  { id, image = id }: { readonly id: string; readonly image?: string },
  error: unknown,
): unknown {
  if (error instanceof InputError || !isOutOfMemory(error)) return error
  const [reason] = (error as Error).message.split(/; called with|\n/)
  return new InputError(image, `there is not enough memory for it (${reason})`, {
    expected: 'free memory, or give a smaller image',
    cause: error,
  })
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
