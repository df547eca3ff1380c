/** @file Work on many images at once, each by itself: what cannot be used is named, what is there is kept. Imports no torch. */
import { stat } from 'node:fs/promises'
import { InputError } from '../../errors.ts'
import { isOutOfMemory } from '../../io/available-memory.ts'
import type { Log } from '../../train/log.ts'
import { Interrupted } from '../run/stage.ts'
import { collectLost } from './lost-images.ts'

export interface EachImageOptions<P> {
  /** Name of the work, before its progress and messages. */
  readonly title: string
  /** Images in work at the same time. */
  readonly atOnce?: number
  readonly strict: boolean
  /** Largest share of the images that may be lost. */
  readonly maxLost?: number
  /** Makes the work need less memory for an image for which it ran out: it is then tried once more. */
  readonly halve?: (sample: P) => void
  /** The file that names all that are lost, `lostImages` of the run folder. */
  readonly list?: string | undefined
  readonly signal: AbortSignal
  readonly log: Log
}

/**
 * Calls `work` for every image whose `file` is not there yet. An InputError, or memory that runs out, is told in
 * one line at the end, or ends all when `strict`; the ids of images lost so are returned, and InputError is thrown when they
 * are more than `maxLost` allows. Throws Interrupted after an abort, when the images in work are done.
 */
export async function eachImage<P extends { readonly id: string; readonly image?: string }>(
  samples: readonly P[],
  file: (sample: P) => string,
  work: (sample: P, file: string) => Promise<void>,
  { title, atOnce = 1, strict, maxLost = 0.5, halve, list, signal, log }: EachImageOptions<P>,
): Promise<readonly string[]> {
  const there = await Promise.all(samples.map(sample => exists(file(sample))))
  const missing = samples.filter((_, i) => !there[i])
  const kept = samples.length - missing.length
  const progress = log.progress({ title, total: samples.length, start: kept })
  const lost = collectLost({ title, list, log })
  let [next, done, failed] = [0, 0, false]
  const attempt = async (sample: P): Promise<void> => {
    try {
      await work(sample, file(sample))
    } catch (error) {
      if (halve === undefined || !isOutOfMemory(error)) throw outOfMemoryNamed(sample, error)
      halve(sample)
      await work(sample, file(sample)).catch((again: unknown) => {
        throw outOfMemoryNamed(sample, again)
      })
    }
  }
  const worker = async (): Promise<void> => {
    for (let sample = missing[next++]; sample !== undefined; sample = missing[next++]) {
      if (signal.aborted || failed) return
      try {
        await attempt(sample)
      } catch (error) {
        failed = strict || !(error instanceof InputError)
        if (failed) throw error
        lost.add(sample, error as InputError)
      }
      progress.update(kept + ++done)
    }
  }
  try {
    const outcomes = await Promise.allSettled(Array.from({ length: atOnce }, worker))
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  } finally {
    progress.finish()
    await lost.tell(samples.length)
  }
  if (signal.aborted) throw new Interrupted(`${title}, image ${kept + done} of ${samples.length}`)
  await lost.conclude({ lost: lost.ids.length, total: samples.length, maxLost })
  return lost.ids
}

/** An InputError that names the image when memory ran out, else the error itself. */
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
