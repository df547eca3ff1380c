/** @file The kinds of training sample: the size of each, and how a worker builds one from its files. */
import type { RgbImage } from '../io/image.ts'
import { readLabelMap } from '../io/indexed-png.ts'
import type { CachedReader } from './image-cache.ts'
import { type Random, randomStream, sampleRandom } from './random.ts'
import { readScoreVolumes } from './score-volumes.ts'
import { type AffinityTransform, affinitySample, labelledAffinitySample } from './transforms/affinity.ts'
import { type EvalTransform, evalSample } from './transforms/eval.ts'
import { type ExpandedCropTransform, expandedCropSample } from './transforms/expanded-crop.ts'
import { type PaddedCropTransform, paddedCropSample } from './transforms/padded-crop.ts'
import { type Box, resize } from './transforms/resize.ts'
import { type RetrainTransform, retrainSample } from './transforms/retrain.ts'
import { type SegmentTransform, segmentSample } from './transforms/segment.ts'
import { type TrainTransform, trainSample } from './transforms/train.ts'

/** The crop of one view of a training image. All views of an image are squares of one side. */
export type CropTransform = TrainTransform | PaddedCropTransform | ExpandedCropTransform

/** A kind with its options. A further kind is a member here and a case in the two functions below. */
export type SampleTransform =
  | { readonly train: readonly CropTransform[]; readonly seed: number }
  | { readonly segment: SegmentTransform; readonly seed: number }
  | { readonly retrain: RetrainTransform; readonly seed: number }
  | { readonly affinity: AffinityTransform; readonly seed: number }
  | { readonly eval: EvalTransform }

/** Source and destination of a sample. */
export interface SampleFrame {
  readonly image: RgbImage
  /** Further files of the sample, such as its labels. */
  readonly files: readonly string[]
  /** Reads labels; images and labels are decoded once where they fit into memory. */
  readonly read: CachedReader
  readonly epoch: number
  /** Number of the batch in its epoch: what is drawn once a batch is drawn from it. */
  readonly batch: number
  /** Number of the image: names its own random stream. */
  readonly index: number
  /** [3, S, S], normalised; of a classification network's training [views, 3, S, S] */
  readonly pixels: Float32Array
  readonly labels: Uint8Array
}

const BOX_BYTES = 4 * Uint16Array.BYTES_PER_ELEMENT // x, y, width, height

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
  if ('eval' in transform) return { pixels: 3 * transform.eval.imageSize ** 2, labels: 0 }
  const views = transform.train
  return { pixels: views.length * 3 * views[0]!.imageSize ** 2, labels: BOX_BYTES }
}

/** Writes one sample in place. Throws InputError naming an unusable file. */
export async function fillSample(transform: SampleTransform, frame: SampleFrame): Promise<void> {
  if ('segment' in transform) await fillSegmentSample(transform, frame)
  else if ('retrain' in transform) await fillRetrainSample(transform, frame)
  else if ('affinity' in transform) await fillAffinitySample(transform, frame)
  else if ('train' in transform) fillViews(transform, frame)
  else evalSample(frame.image, transform.eval, frame.pixels)
}

/** Each view in its place, with its own random stream; the box of the first. */
function fillViews(
  { train, seed }: { train: readonly CropTransform[]; seed: number },
  { image, epoch, index, pixels, labels }: SampleFrame,
): void {
  const length = pixels.length / train.length
  for (const [view, transform] of train.entries()) {
    const random = view === 0 ? sampleRandom(seed, epoch, index) : randomStream(seed, epoch, index, view)
    const box = cropSample(image, transform, random, pixels.subarray(view * length, (view + 1) * length))
    if (view === 0)
      new Uint16Array(labels.buffer, labels.byteOffset, 4).set([box.x, box.y, box.width, box.height])
  }
}

/** The box of the image's own pixels in the square. */
function cropSample(image: RgbImage, transform: CropTransform, random: Random, out: Float32Array): Box {
  if ('padding' in transform) return paddedCropSample(image, transform, random, out)
  if ('expand' in transform) expandedCropSample(image, transform, random, out)
  else trainSample(image, transform, random, out)
  return { x: 0, y: 0, width: transform.imageSize, height: transform.imageSize }
}

/** The boxes that `fillSample` has written, one a sample. */
export function boxesOf(labels: Uint8Array): Box[] {
  const values = new Uint16Array(labels.buffer, labels.byteOffset, labels.byteLength / 2)
  return Array.from({ length: labels.byteLength / BOX_BYTES }, (_, i) => {
    const [x, y, width, height] = values.subarray(4 * i, 4 * i + 4) as unknown as [
      number,
      number,
      number,
      number,
    ]
    return { x, y, width, height }
  })
}

async function fillSegmentSample(
  { segment, seed }: { segment: SegmentTransform; seed: number },
  { image, files, read, epoch, batch, index, pixels, labels }: SampleFrame,
): Promise<void> {
  const [labelFile = ''] = files
  const random = sampleRandom(seed, epoch, index)
  const scaling = segment.scalePer === 'batch' ? randomStream(seed, epoch, batch, 1) : random
  const [smallest, largest] = segment.scale
  segmentSample(
    { image, labels: await read(labelFile, readLabelMap), labelFile },
    segment,
    { scale: scaling.uniform(smallest, largest), random },
    { pixels, labels },
  )
}

async function fillRetrainSample(
  { retrain, seed }: { retrain: RetrainTransform; seed: number },
  { image, files, read, epoch, index, pixels, labels }: SampleFrame,
): Promise<void> {
  const [labelFile = ''] = files
  const sample = { image, labels: await read(labelFile, readLabelMap), labelFile }
  retrainSample(sample, retrain, sampleRandom(seed, epoch, index), { pixels, labels })
}

async function fillAffinitySample(
  { affinity, seed }: { affinity: AffinityTransform; seed: number },
  { image, files, read, epoch, index, ...out }: SampleFrame,
): Promise<void> {
  const [file = ''] = files
  const random = sampleRandom(seed, epoch, index)
  if (file.endsWith('.png')) {
    labelledAffinitySample({ image, labels: await read(file, readLabelMap), file }, affinity, random, out)
    return
  }
  const scores = await readScoreVolumes(file)
  const { of, width, height } = scores
  const reduced = of !== undefined && of.width === image.width && of.height === image.height
  const seen = reduced ? resize(image, { width, height }) : image
  affinitySample({ image: seen, scores, file }, affinity, random, out)
}
