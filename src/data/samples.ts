/** @file The kinds of training sample: how large each is, and how a worker makes one from its files. */
import type { RgbImage } from '../io/image.ts'
import { readLabelMap } from '../io/indexed-png.ts'
import { randomStream, sampleRandom } from './random.ts'
import { type EvalTransform, evalSample } from './transforms/eval.ts'
import { type SegmentTransform, segmentSample } from './transforms/segment.ts'
import { type TrainTransform, trainSample } from './transforms/train.ts'

/** Which kind, with its options. A further kind is a member here and a case in the two functions below. */
export type SampleTransform =
  | { readonly train: TrainTransform; readonly seed: number }
  | { readonly segment: SegmentTransform; readonly seed: number }
  | { readonly eval: EvalTransform }

/** Where a sample comes from and goes to. */
export interface SampleFrame {
  readonly image: RgbImage
  /** Further files of the sample, such as its labels. */
  readonly files: readonly string[]
  readonly epoch: number
  /** Number of the batch in its epoch: what is drawn once a batch is drawn from it. */
  readonly batch: number
  /** Number of the picture: names its own random stream. */
  readonly index: number
  /** [3, S, S], normalised */
  readonly pixels: Float32Array
  readonly labels: Uint8Array
}

/** Length of a sample: float32 values of its pixels, bytes of its labels. */
export function sampleSize(transform: SampleTransform): { pixels: number; labels: number } {
  if ('segment' in transform) {
    const area = transform.segment.cropSize ** 2
    return { pixels: 3 * area, labels: area }
  }
  const { imageSize } = 'train' in transform ? transform.train : transform.eval
  return { pixels: 3 * imageSize * imageSize, labels: 0 }
}

/** Makes one sample in place. Throws InputError naming a file that cannot be used. */
export async function fillSample(transform: SampleTransform, frame: SampleFrame): Promise<void> {
  const { image, epoch, index, pixels } = frame
  if ('segment' in transform) await fillSegmentSample(transform, frame)
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
