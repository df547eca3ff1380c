/** @file Batches of samples prefetched on worker threads, the same whatever the number of threads: the base of every training loader. */
import { InputError, TagmaskError } from '../errors.ts'
import { workerUrl } from '../io/worker-url.ts'
import { decodeThreads } from './decode-threads.ts'
import { noneReadable, sampleEvenly } from './file-probe.ts'
import { type BatchReply, type BatchTask, inputError, type LoaderJob } from './loader-protocol.ts'
import type { Sample } from './sample.ts'
import { type SampleTransform, sampleSize } from './samples.ts'
import { openWorkerPool } from './worker-pool.ts'

/** `size` is smaller than the batch size when images were bad. */
export interface SampleBatch {
  /** Number of the batch in its epoch. */
  readonly index: number
  readonly size: number
}

/** One epoch at a time; from `startBatch` on, the batches are those of an uninterrupted epoch. */
export interface BatchSource<B extends SampleBatch> {
  /** Batches in an epoch. */
  readonly batches: number
  epoch(epoch: number, options?: { startBatch?: number }): AsyncGenerator<B, void>
  close(): Promise<void>
}

/** The part of each batch that one of several processes takes; in order, the parts are the batch. */
export interface Share {
  readonly index: number
  readonly count: number
}

export interface LoaderOptions {
  /** Images of a batch, those of other processes among them. */
  readonly batchSize: number
  /** All of each batch when not given. With one, batches may be empty. */
  readonly share?: Share | undefined
  /** Threads that decode; null: as many as computing is the faster for. */
  readonly workers?: number | null
  /** Batches prefetched ahead of the one in use. */
  readonly prefetch?: number
  /** Bytes of decoded images to keep in memory, all workers together. */
  readonly cacheBytes?: number
  /** Throw on an unreadable image, instead of leaving it out. */
  readonly strict?: boolean
  /** Called once for each unreadable image. */
  readonly onBadImage?: ((sample: Sample, error: InputError) => void) | undefined
  /** Called after each batch that lost images; what it throws ends the epoch. */
  readonly onLost?: ((epoch: LostInEpoch) => void | Promise<void>) | undefined
}

/** Images lost in the epoch so far, since it began or resumed, and images of a whole epoch, of this process's share. */
export interface LostInEpoch {
  readonly lost: number
  readonly total: number
}

/** Output of the worker threads: `images` [size, 3, S, S] and `labels` [size, ...] are in shared memory that is reused:
 * valid until the next batch is requested. */
export interface RawBatch extends SampleBatch {
  readonly images: Float32Array
  readonly labels: Uint8Array
  readonly samples: readonly Sample[]
}

export interface BatchPlan<B> extends LoaderOptions {
  readonly samples: readonly Sample[]
  readonly dropLast: boolean
  readonly transform: SampleTransform
  /** Images of an epoch in order. */
  readonly order: (epoch: number) => Uint32Array
  /** Further files of a sample, in addition to its image. */
  readonly files?: (sample: Sample) => readonly string[]
  readonly batch: (raw: RawBatch) => B
}

interface Slot {
  readonly pixels: SharedArrayBuffer
  readonly images: Float32Array
  readonly labels: Uint8Array<SharedArrayBuffer>
}

/** Starts the threads, which stay `prefetch` batches ahead of the one in use. */
export function openBatchLoader<B extends SampleBatch>({
  samples,
  transform,
  order,
  dropLast,
  files = () => [],
  batch: toBatch,
  batchSize,
  share = { index: 0, count: 1 },
  workers = 1,
  prefetch = 3,
  cacheBytes = 0,
  strict = false,
  onBadImage,
  onLost,
}: BatchPlan<B>): BatchSource<B> {
  const { pixels: sampleLength, labels: labelLength } = sampleSize(transform)
  const batches = dropLast ? Math.floor(samples.length / batchSize) : Math.ceil(samples.length / batchSize)
  const placesOf = (batch: number): [from: number, to: number] =>
    placesIn(batch, { batchSize, share, samples })
  const inEpoch = Array.from({ length: batches }, (_, batch) => placesOf(batch)).reduce(
    (sum, [from, to]) => sum + to - from,
    0,
  )
  const most = Math.ceil(batchSize / share.count)
  const free = openSlots(prefetch + 1, { batchSize: most, sampleLength, labelLength }) // before the threads: it may fail
  const threads = decodeThreads(workers)
  const pool = openWorkerPool<BatchTask, BatchReply>(workerUrl(import.meta.url, 'loader-worker'), {
    size: threads.most,
    job: { kind: 'batch', transform } satisfies LoaderJob,
    nameOf: ({ samples }, part) => samples[part]?.path,
  })
  const reported = new Set<Sample>()
  let running = false

  async function fill(
    { pixels, images, labels }: Slot,
    chosen: Uint32Array,
    at: { epoch: number; batch: number },
  ) {
    const requests = Array.from(chosen, (index, place) => {
      const sample = samples[index]!
      return { place, index, path: sample.image, files: files(sample) }
    })
    // an image goes to the same worker as long as there are as many, which may have it in its cache
    const { count } = threads
    const shared = { pixels, labels: labels.buffer, ...at, cacheBytes: cacheBytes / count }
    const replies = await Promise.all(
      Array.from({ length: count }, (_, worker) => {
        const samples = requests.filter(({ index }) => index % count === worker)
        return samples.length === 0 ? { bad: [] } : pool.run(worker, { ...shared, samples })
      }),
    )
    const bad = new Map(replies.flatMap(reply => reply.bad).map(({ place, report }) => [place, report]))
    const good = [...chosen.keys()].filter(place => !bad.has(place))
    for (const [to, from] of good.entries()) {
      if (to === from) continue
      images.copyWithin(to * sampleLength, from * sampleLength, (from + 1) * sampleLength)
      labels.copyWithin(to * labelLength, from * labelLength, (from + 1) * labelLength)
    }
    return {
      problems: [...bad].map(([place, report]) => ({ sample: samples[chosen[place]!]!, report })),
      batch: toBatch({
        index: at.batch,
        size: good.length,
        images: images.subarray(0, good.length * sampleLength),
        labels: labels.subarray(0, good.length * labelLength),
        samples: good.map(place => samples[chosen[place]!]!),
      }),
    }
  }

  async function* batchesOf(epoch: number, startBatch: number): AsyncGenerator<B, void> {
    if (running) throw new TagmaskError('a loader runs one epoch at a time')
    running = true
    threads.begin()
    const indices = order(epoch)
    const ahead: { slot: Slot; filled: ReturnType<typeof fill> }[] = []
    let next = startBatch
    let lost = 0
    try {
      for (;;) {
        while (next < batches && free.length > 0) {
          const slot = free.pop()!
          const chosen = indices.subarray(...placesOf(next))
          const filled = fill(slot, chosen, { epoch, batch: next++ })
          filled.catch(() => undefined) // seen when its turn comes
          ahead.push({ slot, filled })
        }
        const first = ahead[0]
        if (first === undefined) return
        const { problems, batch } = await threads.wait(first.filled)
        if (problems.length > 0) await refuseWhenGone(problems, samples)
        for (const { sample, report } of problems) {
          if (strict) throw inputError(report)
          if (!reported.has(sample)) onBadImage?.(sample, inputError(report))
          reported.add(sample)
        }
        if (problems.length > 0) {
          lost += problems.length
          await onLost?.({ lost, total: inEpoch })
        }
        if (batch.size > 0 || share.count > 1) yield batch // processes take their steps together
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
    epoch: (epoch, { startBatch = 0 } = {}) => batchesOf(epoch, startBatch),
    close: () => pool.close(),
  }
}

/** Where a share of a batch is in the order of the epoch. */
function placesIn(
  batch: number,
  {
    batchSize,
    share: { index, count },
    samples,
  }: Pick<BatchPlan<unknown>, 'batchSize' | 'samples'> & { share: Share },
): [from: number, to: number] {
  const first = batch * batchSize
  const size = Math.min(batchSize, samples.length - first)
  return [first + Math.floor((index * size) / count), first + Math.floor(((index + 1) * size) / count)]
}

function openSlots(
  count: number,
  { batchSize, sampleLength, labelLength }: { batchSize: number; sampleLength: number; labelLength: number },
): Slot[] {
  const pixelBytes = batchSize * sampleLength * Float32Array.BYTES_PER_ELEMENT
  try {
    return Array.from({ length: count }, () => {
      const pixels = new SharedArrayBuffer(pixelBytes)
      const labels = new Uint8Array(new SharedArrayBuffer(batchSize * labelLength))
      return { pixels, images: new Float32Array(pixels), labels }
    })
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new InputError('batchSize', `is ${batchSize}: a batch takes ${gigabytes(pixelBytes)} GB`, {
      expected: `lower it, or the size of the images: ${count} batches are held in memory`,
      cause,
    })
  }
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(1)
}

const PROBES = 16 // files opened to distinguish a missing folder from a few bad files

/**
 * Throws InputError when neither the files that a batch lost nor a sample of all others can be opened: their folder is
 * gone, and continuing would name every image and learn from the rest.
 */
async function refuseWhenGone(
  problems: readonly { sample: Sample }[],
  samples: readonly Sample[],
): Promise<void> {
  const lost = problems.map(({ sample }) => sample.image)
  const others = sampleEvenly(samples, PROBES).map(({ image }) => image)
  if (!(await noneReadable([...lost, ...others]))) return
  throw new InputError(lost[0]!, 'cannot be opened any more, nor can any other image that was tried', {
    expected: 'is their folder there and readable? Once it is, resume with the same command',
  })
}
