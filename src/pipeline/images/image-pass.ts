/** @file One pass over images: existing files are kept; progress, unusable images, abort. Imports no torch. */
import { stat } from 'node:fs/promises'
import { InputError } from '../../errors.ts'
import type { Log } from '../../train/log.ts'
import { Interrupted, type StageContext } from '../run/stage.ts'
import { mapInParallel } from './in-parallel.ts'
import { collectLost } from './lost-images.ts'
import { ofShard, type Shard } from './shard.ts'

export interface PassLimits {
  readonly strict: boolean
  /** Largest share of the images that may be lost; null: all of them. */
  readonly maxLost: number | null
  /** The file that names all that are lost, `lostImages` of the run folder. */
  readonly list?: string
  /** The part of all images that the given ones are, for its messages. */
  readonly shard?: Shard | undefined
  /** Called for each lost image at the end. */
  readonly onLost?: StageContext['onLost']
  readonly signal: AbortSignal
  readonly log: Log
}

export interface PassOptions<P> extends PassLimits {
  /** Name of the work, before its progress and messages. */
  readonly title: string
  /** The files of an image; one that has them all is skipped. Default: none. */
  readonly filesOf?: (sample: P) => readonly string[]
}

export interface ImagePass<P> {
  /** All images, and those without all their files. */
  readonly all: readonly P[]
  readonly open: readonly P[]
  /** Leaves the image out; rethrows the error under `strict` and when it is no InputError. */
  lose(sample: P, error: unknown): void
  /** Counts an image as done; check the signal before the next. */
  done(): void
}

/** The limits of a stage. A shard writes no list, and only the loss of all its images ends it: how many may be lost is judged over all. */
export function limitsOf({
  recipe: { strict, data },
  run,
  signal,
  log,
  shard,
  onLost,
}: StageContext): PassLimits {
  if (shard !== undefined) return { strict, maxLost: 1, shard, onLost, signal, log }
  return { strict, maxLost: data.maxLost, list: run.lostImages, signal, log }
}

/**
 * Calls `work` on the unfinished images. Lost ones are reported in one line at the end; returns their ids. Throws
 * InputError when more are lost than `maxLost` allows, and Interrupted after an abort, once `work` has returned.
 */
export async function passOver<P extends { readonly id: string }>(
  samples: readonly P[],
  { title: name, filesOf, strict, maxLost, list, shard, onLost, signal, log }: PassOptions<P>,
  work: (pass: ImagePass<P>) => Promise<void>,
): Promise<readonly string[]> {
  const title = ofShard(name, shard)
  const total = samples.length
  const there = await mapInParallel(
    samples,
    async sample => filesOf !== undefined && (await allExist(filesOf(sample))),
  )
  const open = samples.filter((_, i) => !there[i])
  let count = total - open.length
  const progress = log.progress({ title, total, start: count })
  const lost = collectLost({ title, list, log })
  const show = (): void => progress.update(count + lost.count)
  try {
    await work({
      all: samples,
      open,
      lose(sample, error) {
        if (strict || !(error instanceof InputError)) throw error
        lost.add(sample, error)
        show()
      },
      done() {
        count++
        show()
      },
    })
  } finally {
    progress.finish()
    await lost.tell(total)
    for (const id of lost.ids) onLost?.({ id })
  }
  if (signal.aborted) throw new Interrupted(`${title}, image ${count + lost.count} of ${total}`)
  if (maxLost !== null) await lost.conclude({ lost: lost.count, total, maxLost })
  return lost.ids
}

const WRITING = 8 // results that are being written at once: groups of images arrive together

/**
 * As `passOver`, on a stream of results: `use` writes them while the network computes the next.
 */
export function passOverStream<P extends { readonly id: string }, T>(
  samples: readonly P[],
  options: PassOptions<P>,
  stream: (pass: ImagePass<P>) => AsyncIterable<T>,
  use: (result: T) => Promise<void>,
): Promise<readonly string[]> {
  return passOver(samples, options, async pass => {
    const using: Promise<void>[] = []
    try {
      for await (const result of stream(pass)) {
        if (using.length === WRITING) await using.shift()
        if (options.signal.aborted) break
        const one = use(result).then(pass.done)
        one.catch(() => undefined) // seen when awaited
        using.push(one)
      }
    } finally {
      await Promise.allSettled(using)
      for (const one of using) await one
    }
  })
}

async function allExist(paths: readonly string[]): Promise<boolean> {
  return (await Promise.all(paths.map(exists))).every(Boolean)
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
