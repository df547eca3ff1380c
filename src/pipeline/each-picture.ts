/** @file Work on many pictures at once, each by itself: what cannot be used is named, what is there is kept. Imports no torch. */
import { stat } from 'node:fs/promises'
import { InputError } from '../errors.ts'
import type { Log } from '../train/log.ts'
import { Interrupted } from './stage.ts'

export interface EachPictureOptions {
  /** Name of the work, before its progress and messages. */
  readonly title: string
  /** What a picture then lacks, as in "no pseudo mask". */
  readonly lacks: string
  /** Pictures in work at the same time. */
  readonly atOnce?: number
  readonly strict: boolean
  readonly signal: AbortSignal
  readonly log: Log
}

/**
 * Calls `work` for every picture whose `file` is not there yet. An InputError is a warning that names the picture, or ends
 * all when `strict`. Throws Interrupted after an abort, when the pictures in work are done.
 */
export async function eachPicture<P extends { readonly id: string }>(
  pictures: readonly P[],
  file: (picture: P) => string,
  work: (picture: P, file: string) => Promise<void>,
  { title, lacks, atOnce = 1, strict, signal, log }: EachPictureOptions,
): Promise<void> {
  const there = await Promise.all(pictures.map(picture => exists(file(picture))))
  const missing = pictures.filter((_, i) => !there[i])
  const kept = pictures.length - missing.length
  const progress = log.progress({ title, total: pictures.length, start: kept })
  let [next, done, failed] = [0, 0, false]
  const worker = async (): Promise<void> => {
    for (let picture = missing[next++]; picture !== undefined; picture = missing[next++]) {
      if (signal.aborted || failed) return
      try {
        await work(picture, file(picture))
      } catch (error) {
        failed = strict || !(error instanceof InputError)
        if (failed) throw error
        log.warn(`${picture.id} has ${lacks}: ${(error as InputError).message}`)
      }
      progress.update(kept + ++done)
    }
  }
  try {
    const outcomes = await Promise.allSettled(Array.from({ length: atOnce }, worker))
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  } finally {
    progress.finish()
  }
  if (signal.aborted) throw new Interrupted(`${title}, picture ${kept + done} of ${pictures.length}`)
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
