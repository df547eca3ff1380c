/** @file Batches decoded and transformed ahead on worker threads; the same whatever the number of threads. */
import { InputError, TagmaskError } from '../errors.ts'
import { workerUrl } from '../io/worker-url.ts'
import { tagged } from './dataset.ts'
import {
  type BatchReply,
  type BatchTask,
  inputError,
  type LoaderWorkerData,
  type SampleTransform,
} from './loader-protocol.ts'
import type { Dataset, Picture } from './picture.ts'
import { randomStream, shuffledIndices } from './random.ts'
import type { EvalTransform } from './transforms/eval.ts'
import type { TrainTransform } from './transforms/train.ts'
import { openWorkerPool } from './worker-pool.ts'

/**
 * `images` is [size, 3, S, S] in shared memory that is used again: valid until the next batch is asked for.
 * `targets` is [size, classes] of 0 and 1. `size` is smaller than asked when pictures were bad.
 */
export interface Batch {
  /** Number of the batch in its epoch. */
  readonly index: number
  readonly images: Float32Array
  readonly targets: Float32Array
  readonly size: number
  readonly ids: readonly string[]
}

export interface LoaderOptions {
  readonly batchSize: number
  readonly workers?: number
  /** Batches made ahead of the one in use. */
  readonly prefetch?: number
  /** Bytes of decoded pictures to keep in memory, all workers together. */
  readonly cacheBytes?: number
  /** Throw on a picture that cannot be read, instead of leaving it out. */
  readonly strict?: boolean
  /** Called once for each picture that cannot be read. */
  readonly onBadPicture?: ((picture: Picture, error: InputError) => void) | undefined
}

export interface TrainLoaderOptions extends LoaderOptions {
  readonly transform: TrainTransform
  readonly seed: number
  /** Leave out the last batch of an epoch when it is not full. */
  readonly dropLast?: boolean
}

/** `batches` is the number in an epoch; `skipped` counts the pictures without tags, which are not trained on. */
export interface BatchLoader {
  readonly batches: number
  readonly skipped: number
  /** One epoch at a time; from `startBatch` on, the batches are those of an unbroken epoch. */
  epoch(epoch: number, options?: { startBatch?: number }): AsyncGenerator<Batch, void>
  close(): Promise<void>
}

/** Loads tagged pictures in an order drawn from (seed, epoch). Throws InputError when there is not one batch. */
export function openTrainLoader(
  dataset: Dataset,
  { transform, seed, dropLast = true, ...options }: TrainLoaderOptions,
): BatchLoader {
  const pictures = tagged(dataset)
  if (pictures.length < (dropLast ? options.batchSize : 1))
    throw new InputError(dataset.root, `has ${pictures.length} tagged pictures in ${dataset.split}`, {
      expected: `a batch needs ${options.batchSize}: tag more pictures or lower the batch size`,
    })
  return openLoader(dataset, {
    ...options,
    pictures,
    dropLast,
    transform: { train: transform, seed },
    order: epoch => shuffledIndices(pictures.length, randomStream(seed, epoch)),
  })
}

/** Loads every picture in order, resized and centre-cropped: for validation. */
export function openEvalLoader(
  dataset: Dataset,
  { transform, ...options }: LoaderOptions & { readonly transform: EvalTransform },
): BatchLoader {
  const { pictures } = dataset
  const order = Uint32Array.from(pictures, (_, index) => index)
  return openLoader(dataset, {
    ...options,
    pictures,
    dropLast: false,
    transform: { eval: transform },
    order: () => order,
  })
}

interface Plan extends LoaderOptions {
  readonly pictures: readonly Picture[]
  readonly dropLast: boolean
  readonly transform: SampleTransform
  readonly order: (epoch: number) => Uint32Array
}

interface Slot {
  readonly pixels: SharedArrayBuffer
  readonly images: Float32Array
}

function openLoader(
  { classes, pictures: all }: Dataset,
  {
    pictures,
    transform,
    order,
    dropLast,
    batchSize,
    workers = 1,
    prefetch = 3,
    cacheBytes = 0,
    strict = false,
    onBadPicture,
  }: Plan,
): BatchLoader {
  const { imageSize } = 'train' in transform ? transform.train : transform.eval
  const sampleLength = 3 * imageSize * imageSize
  const batches = dropLast ? Math.floor(pictures.length / batchSize) : Math.ceil(pictures.length / batchSize)
  const pool = openWorkerPool<BatchTask, BatchReply>(workerUrl(import.meta.url, 'loader-worker'), {
    size: workers,
    workerData: {
      job: { kind: 'batch', transform },
      cacheBytes: cacheBytes / workers,
    } satisfies LoaderWorkerData,
  })
  const free = Array.from({ length: prefetch + 1 }, (): Slot => {
    const pixels = new SharedArrayBuffer(batchSize * sampleLength * Float32Array.BYTES_PER_ELEMENT)
    return { pixels, images: new Float32Array(pixels) }
  })
  const reported = new Set<Picture>()
  let running = false

  async function fill({ pixels, images }: Slot, chosen: Uint32Array, at: { epoch: number; index: number }) {
    const requests = Array.from(chosen, (index, place) => ({ place, index, path: pictures[index]!.image }))
    // a picture always goes to the same worker, which may have it in its cache
    const replies = await Promise.all(
      Array.from({ length: workers }, (_, worker) => {
        const samples = requests.filter(({ index }) => index % workers === worker)
        return samples.length === 0 ? { bad: [] } : pool.run(worker, { pixels, epoch: at.epoch, samples })
      }),
    )
    const bad = new Map(replies.flatMap(reply => reply.bad).map(({ place, report }) => [place, report]))
    const good = [...chosen.keys()].filter(place => !bad.has(place))
    const batch = good.map(place => pictures[chosen[place]!]!)
    for (const [to, from] of good.entries())
      if (to !== from) images.copyWithin(to * sampleLength, from * sampleLength, (from + 1) * sampleLength)
    return {
      problems: [...bad].map(([place, report]) => ({ picture: pictures[chosen[place]!]!, report })),
      batch: {
        index: at.index,
        images: images.subarray(0, batch.length * sampleLength),
        targets: targetsOf(batch, classes.length),
        size: batch.length,
        ids: batch.map(({ id }) => id),
      },
    }
  }

  async function* batchesOf(epoch: number, startBatch: number): AsyncGenerator<Batch, void> {
    if (running) throw new TagmaskError('a loader runs one epoch at a time')
    running = true
    const indices = order(epoch)
    const ahead: { slot: Slot; filled: ReturnType<typeof fill> }[] = []
    let next = startBatch
    try {
      for (;;) {
        while (next < batches && free.length > 0) {
          const slot = free.pop()!
          const chosen = indices.subarray(next * batchSize, (next + 1) * batchSize)
          const filled = fill(slot, chosen, { epoch, index: next++ })
          filled.catch(() => undefined) // seen when its turn comes
          ahead.push({ slot, filled })
        }
        const first = ahead[0]
        if (first === undefined) return
        const { problems, batch } = await first.filled
        for (const { picture, report } of problems) {
          if (strict) throw inputError(report)
          if (!reported.has(picture)) onBadPicture?.(picture, inputError(report))
          reported.add(picture)
        }
        if (batch.size > 0) yield batch
        ahead.shift()
        free.push(first.slot)
      }
    } finally {
      await Promise.allSettled(ahead.map(({ filled }) => filled)) // a worker may still write into them
      free.push(...ahead.map(({ slot }) => slot))
      running = false
    }
  }

  return {
    batches,
    skipped: all.length - pictures.length,
    epoch: (epoch, { startBatch = 0 } = {}) => batchesOf(epoch, startBatch),
    close: () => pool.close(),
  }
}

function targetsOf(pictures: readonly Picture[], classes: number): Float32Array {
  const targets = new Float32Array(pictures.length * classes)
  for (const [row, { tags }] of pictures.entries()) for (const tag of tags) targets[row * classes + tag] = 1
  return targets
}
