/** @file Pictures with labels in batches: what segmentation networks and AffinityNet are trained on. */
import { InputError } from '../errors.ts'
import { type BatchSource, type LoaderOptions, openBatchLoader, type RawBatch } from './batch-loader.ts'
import type { Picture } from './picture.ts'
import { randomStream, shuffledIndices } from './random.ts'
import type { AffinityTransform } from './transforms/affinity.ts'
import type { RetrainTransform } from './transforms/retrain.ts'
import type { SegmentTransform } from './transforms/segment.ts'

/** Labels are [size, S, S] for segmentation, [size, S / stride, S / stride] for AffinityNet; 255: none. */
export type LabelledBatch = RawBatch

export interface LabelledLoaderOptions extends LoaderOptions {
  /** By the stage that trains. */
  readonly transform:
    | { readonly segment: SegmentTransform }
    | { readonly retrain: RetrainTransform }
    | { readonly affinity: AffinityTransform }
  readonly seed: number
  /** The labels of a picture: a label PNG for segmentation, score volumes for AffinityNet. */
  readonly labelFile: (picture: Picture) => string
}

/**
 * Loads pictures in an order drawn from (seed, epoch), whole batches only. The original chunks 200 shuffles laid end to
 * end, so that what is left of one epoch begins the next; here it is left out. Throws InputError when there is not one batch.
 */
export function openLabelledLoader(
  pictures: readonly Picture[],
  { transform, seed, labelFile, ...options }: LabelledLoaderOptions,
): BatchSource<LabelledBatch> {
  if (pictures.length < options.batchSize) {
    const stage = 'affinity' in transform ? 'affinity' : 'segment'
    throw new InputError(
      `${stage}.batchSize`,
      `is ${options.batchSize}, and ${pictures.length} pictures have labels`,
      { expected: 'a batch must not be larger: label more pictures or lower it' },
    )
  }
  return openBatchLoader({
    ...options,
    pictures,
    dropLast: true,
    transform: { ...transform, seed },
    order: epoch => shuffledIndices(pictures.length, randomStream(seed, epoch)),
    files: picture => [labelFile(picture)],
    batch: raw => raw,
  })
}
