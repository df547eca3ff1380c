/** @file A loader's thread: decodes and transforms pictures into shared batches, or makes one picture's views. */
import { workerData } from 'node:worker_threads'
import sharp from 'sharp'
import {
  type BatchReply,
  type BatchTask,
  badPicture,
  type LoaderWorkerData,
  type SampleRequest,
  type SampleTransform,
  type ViewJob,
  type ViewReply,
  type ViewTask,
} from './loader-protocol.ts'
import { cachedReader } from './picture-cache.ts'
import { sampleRandom } from './random.ts'
import { evalSample } from './transforms/eval.ts'
import { trainSample } from './transforms/train.ts'
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
  { pixels, epoch, samples }: BatchTask,
  transform: SampleTransform,
): Promise<BatchReply> {
  const { imageSize } = 'train' in transform ? transform.train : transform.eval
  const length = 3 * imageSize * imageSize
  const bad: BatchReply['bad'][number][] = []
  for (const sample of samples) {
    const out = new Float32Array(pixels, sample.place * length * Float32Array.BYTES_PER_ELEMENT, length)
    try {
      await fillSample(sample, { transform, epoch, out })
    } catch (error) {
      const report = badPicture(error)
      if (report === undefined) throw error
      bad.push({ place: sample.place, report })
    }
  }
  return { bad }
}

async function fillSample(
  { index, path }: SampleRequest,
  { transform, epoch, out }: { transform: SampleTransform; epoch: number; out: Float32Array },
): Promise<void> {
  const image = await read(path)
  if ('train' in transform)
    trainSample(image, transform.train, sampleRandom(transform.seed, epoch, index), out)
  else evalSample(image, transform.eval, out)
}

async function makeViews({ path }: ViewTask, { scales, unit, normalisation }: ViewJob): Promise<ViewReply> {
  try {
    const image = await read(path)
    return { image, views: scaleViews(image, { scales, unit, normalisation }) }
  } catch (error) {
    const bad = badPicture(error)
    if (bad === undefined) throw error
    return { bad }
  }
}
