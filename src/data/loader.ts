/** @file Images with their tags in batches: for training a classification network, and for validating it. */
import { InputError } from '../errors.ts'
import { count } from '../io/count.ts'
import {
  type BatchSource,
  type LoaderOptions,
  openBatchLoader,
  type RawBatch,
  type SampleBatch,
} from './batch-loader.ts'
import { tagged } from './dataset.ts'
import { randomStream, shuffledIndices } from './random.ts'
import type { Dataset } from './sample.ts'
import { boxesOf, type CropTransform } from './samples.ts'
import type { EvalTransform } from './transforms/eval.ts'
import type { Box } from './transforms/resize.ts'

/**
 * `images` is [size, 3, S, S], or [size, views, 3, S, S] where there are several, in shared memory that is reused: valid
 * until the next batch is requested. `targets` is [size, classes] of 0 and 1.
 */
export interface Batch extends SampleBatch {
  readonly images: Float32Array
  readonly targets: Float32Array
  /** The region of the first view that is not padding. None in validation. */
  readonly boxes: readonly Box[]
  readonly ids: readonly string[]
}

export interface TrainLoaderOptions extends LoaderOptions {
  /** One a view of the image, all of one `imageSize`. */
  readonly views: readonly CropTransform[]
  readonly seed: number
  /** Leave out the last batch of an epoch when it is not full. */
  readonly dropLast?: boolean
}

/** Loads tagged images in an order drawn from (seed, epoch). Throws InputError when there is not one batch. */
export function openTrainLoader(
  dataset: Dataset,
  { views, seed, dropLast = true, ...options }: TrainLoaderOptions,
): BatchSource<Batch> {
  const samples = tagged(dataset)
  if (samples.length < (dropLast ? options.batchSize : 1))
    throw new InputError(dataset.root, `has ${count(samples.length, 'tagged image')} in ${dataset.split}`, {
      expected: `a batch needs ${options.batchSize}: tag more images or lower the batch size`,
    })
  return openBatchLoader({
    ...options,
    samples,
    dropLast,
    transform: { train: views, seed },
    order: epoch => shuffledIndices(samples.length, randomStream(seed, epoch)),
    batch: raw => ({ ...taggedBatch(raw, dataset), boxes: boxesOf(raw.labels) }),
  })
}

/** Loads every image in order, resized and centre-cropped: for validation. */
export function openEvalLoader(
  dataset: Dataset,
  { transform, ...options }: LoaderOptions & { readonly transform: EvalTransform },
): BatchSource<Batch> {
  const { samples } = dataset
  const order = Uint32Array.from(samples, (_, index) => index)
  return openBatchLoader({
    ...options,
    samples,
    dropLast: false,
    transform: { eval: transform },
    order: () => order,
    batch: raw => taggedBatch(raw, dataset),
  })
}

function taggedBatch({ index, size, images, samples }: RawBatch, { classes }: Dataset): Batch {
  const targets = new Float32Array(size * classes.length)
  for (const [row, { tags }] of samples.entries())
    for (const tag of tags) targets[row * classes.length + tag] = 1
  return { index, size, images, targets, boxes: [], ids: samples.map(({ id }) => id) }
}
