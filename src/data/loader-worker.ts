/** @file A loader's thread: decodes and transforms pictures into shared batches, or makes one picture's views. */
import { workerData } from 'node:worker_threads'
import sharp from 'sharp'
import {
  type BatchReply,
  type BatchTask,
  badPicture,
  type LoaderWorkerData,
  type ViewJob,
  type ViewReply,
  type ViewTask,
} from './loader-protocol.ts'
import { cachedReader } from './picture-cache.ts'
import { fillSample, type SampleTransform, sampleSize } from './samples.ts'
import { scaleViews } from './transforms/views.ts'
import { answerTasks } from './worker-pool.ts'

sharp.concurrency(1) // the other cores belong to the network

const { job, cacheBytes } = workerData as LoaderWorkerData
const read = cachedReader({ maxBytes: cacheBytes })

if (job.kind === 'batch') answerTasks((task: BatchTask) => fillBatch(task, job.transform))
else
  answerTasks(
    (task: ViewTask) => makeViews(task, job),
    reply => ('bad' in reply ? [] : reply.views.map(({ data }) => data.buffer as ArrayBuffer)),
  )

async function fillBatch(
  { pixels, labels, epoch, batch, samples }: BatchTask,
  transform: SampleTransform,
): Promise<BatchReply> {
  const size = sampleSize(transform)
  const bad: BatchReply['bad'][number][] = []
  for (const { place, index, path, files } of samples) {
    try {
      await fillSample(transform, {
        image: await read(path),
        files,
        epoch,
        batch,
        index,
        pixels: new Float32Array(pixels, place * size.pixels * Float32Array.BYTES_PER_ELEMENT, size.pixels),
        labels: new Uint8Array(labels, place * size.labels, size.labels),
      })
    } catch (error) {
      const report = badPicture(error)
      if (report === undefined) throw error
      bad.push({ place, report })
    }
  }
  return { bad }
}

async function makeViews(
  { path, fit: asked }: ViewTask,
  { longestSide, withImage, ...options }: ViewJob,
): Promise<ViewReply> {
  try {
    const image = await read(path)
    const fit = Math.min(1, asked, longestSide / Math.max(image.width, image.height))
    const scales = options.scales.map(scale => scale * fit)
    const views = scaleViews(image, { ...options, scales })
    return { image: withImage ? image : { ...image, data: new Uint8Array(0) }, views }
  } catch (error) {
    const bad = badPicture(error)
    if (bad === undefined) throw error
    return { bad }
  }
}
