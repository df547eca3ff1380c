/** @file A loader's thread: decodes and transforms images into shared batches, or makes one image's views. */
import { readImage } from '../io/image.ts'
import { loadSharp } from '../io/sharp.ts'
import { type DecodedFiles, decodedFiles } from './image-cache.ts'
import {
  type BatchReply,
  type BatchTask,
  badImage,
  type LoaderJob,
  type ViewJob,
  type ViewReply,
  type ViewTask,
} from './loader-protocol.ts'
import { fillSample, type SampleTransform, sampleSize } from './samples.ts'
import { fittedViews } from './transforms/views.ts'
import { serveJobs } from './worker-tasks.ts'

loadSharp().concurrency(1) // the other cores belong to the network

serveJobs<LoaderJob, BatchTask | ViewTask, BatchReply | ViewReply>(job => {
  if (job.kind === 'views')
    return {
      handle: task => makeViews(task as ViewTask, job),
      transfer: reply => ('views' in reply ? reply.views.map(({ data }) => data.buffer as ArrayBuffer) : []),
    }
  const files = decodedFiles()
  return {
    handle: (task, atPart) =>
      fillBatch(task as BatchTask, { transform: job.transform, decoded: files, atPart }),
  }
})

async function fillBatch(
  { pixels, labels, epoch, batch, samples, cacheBytes }: BatchTask,
  {
    transform,
    decoded,
    atPart,
  }: { transform: SampleTransform; decoded: DecodedFiles; atPart: (part: number) => void },
): Promise<BatchReply> {
  const size = sampleSize(transform)
  const bad: BatchReply['bad'][number][] = []
  decoded.limit(cacheBytes)
  for (const [part, { place, index, path, files }] of samples.entries()) {
    atPart(part)
    try {
      await fillSample(transform, {
        image: await decoded.read(path, readImage),
        files,
        read: decoded.read,
        epoch,
        batch,
        index,
        pixels: new Float32Array(pixels, place * size.pixels * Float32Array.BYTES_PER_ELEMENT, size.pixels),
        labels: new Uint8Array(labels, place * size.labels, size.labels),
      })
    } catch (error) {
      const report = badImage(error, path)
      if (report === undefined) throw error
      bad.push({ place, report })
    }
  }
  return { bad }
}

async function makeViews({ path, fit }: ViewTask, { withImage, ...options }: ViewJob): Promise<ViewReply> {
  try {
    const image = await readImage(path)
    const views = fittedViews(image, { ...options, fit })
    return { image: withImage ? image : { ...image, data: new Uint8Array(0) }, views }
  } catch (error) {
    const bad = badImage(error, path)
    if (bad === undefined) throw error
    return { bad }
  }
}
