/** @file The kinds of training sample: how large each is, and how a worker makes one from its files. */
import type { RgbImage } from '../io/image.ts'
import { readLabelMap } from '../io/indexed-png.ts'
import { randomStream, sampleRandom } from './random.ts'
import { readScoreVolumes } from './score-volumes.ts'
import { type AffinityTransform, affinitySample } from './transforms/affinity.ts'
import { type EvalTransform, evalSample } from './transforms/eval.ts'
import { resize } from './transforms/resize.ts'
import { type RetrainTransform, retrainSample } from './transforms/retrain.ts'
import { type SegmentTransform, segmentSample } from './transforms/segment.ts'
import { type TrainTransform, trainSample } from './transforms/train.ts'

/** Which kind, with its options. A further kind is a member here and a case in the two functions below. */
export type SampleTransform =
  | { readonly train: TrainTransform; readonly seed: number }
  | { readonly segment: SegmentTransform; readonly seed: number }
  | { readonly retrain: RetrainTransform; readonly seed: number }
  | { readonly affinity: AffinityTransform; readonly seed: number }
  | { readonly eval: EvalTransform }

/** Where a sample comes from and goes to. */
export interface SampleFrame {
  readonly image: RgbImage
  /** Further files of the sample, such as its labels. */
  readonly files: readonly string[]
  readonly epoch: number
  /** Number of the batch in its epoch: what is drawn once a batch is drawn from it. */
  readonly batch: number
  /** Number of the image: names its own random stream. */
  readonly index: number
  /** [3, S, S], normalised */
  readonly pixels: Float32Array
  readonly labels: Uint8Array
}

/** Length of a sample: float32 values of its pixels, bytes of its labels. */
export function sampleSize(transform: SampleTransform): { pixels: number; labels: number } {
  if ('segment' in transform || 'retrain' in transform) {
    const { cropSize } = 'segment' in transform ? transform.segment : transform.retrain
    return { pixels: 3 * cropSize ** 2, labels: cropSize ** 2 }
  }
  if ('affinity' in transform) {
    const { cropSize, stride } = transform.affinity
    return { pixels: 3 * cropSize ** 2, labels: (cropSize / stride) ** 2 }
  }
  const { imageSize } = 'train' in transform ? transform.train : transform.eval
  return { pixels: 3 * imageSize * imageSize, labels: 0 }
}

/** Makes one sample in place. Throws InputError naming a file that cannot be used. */
export async function fillSample(transform: SampleTransform, frame: SampleFrame): Promise<void> {
  const { image, epoch, index, pixels } = frame
  if ('segment' in transform) await fillSegmentSample(transform, frame)
  else if ('retrain' in transform) await fillRetrainSample(transform, frame)
  else if ('affinity' in transform) await fillAffinitySample(transform, frame)
  else if ('train' in transform)
    trainSample(image, transform.train, sampleRandom(transform.seed, epoch, index), pixels)
  else evalSample(image, transform.eval, pixels)
}

async function fillSegmentSample(
  { segment, seed }: { segment: SegmentTransform; seed: number },
  { image, files, epoch, batch, index, pixels, labels }: SampleFrame,
): Promise<void> {
  const [labelFile = ''] = files
  const random = sampleRandom(seed, epoch, index)
  const scaling = segment.scalePer === 'batch' ? randomStream(seed, epoch, batch, 1) : random
  const [smallest, largest] = segment.scale
  segmentSample(
    { image, labels: await readLabelMap(labelFile), labelFile },
    segment,
    { scale: scaling.uniform(smallest, largest), random },
    { pixels, labels },
  )
}

async function fillRetrainSample(
  { retrain, seed }: { retrain: RetrainTransform; seed: number },
  { image, files, epoch, index, pixels, labels }: SampleFrame,
): Promise<void> {
  const [labelFile = ''] = files
  const sample = { image, labels: await readLabelMap(labelFile), labelFile }
  retrainSample(sample, retrain, sampleRandom(seed, epoch, index), { pixels, labels })
}

async function fillAffinitySample(
  { affinity, seed }: { affinity: AffinityTransform; seed: number },
  { image, files, epoch, index, pixels, labels }: SampleFrame,
): Promise<void> {
  const [file = ''] = files
  const scores = await readScoreVolumes(file)
  const { of, width, height } = scores
  const reduced = of !== undefined && of.width === image.width && of.height === image.height
  const seen = reduced ? resize(image, { width, height }) : image
  affinitySample({ image: seen, scores, file }, affinity, sampleRandom(seed, epoch, index), {
    pixels,
    labels,
  })
}
