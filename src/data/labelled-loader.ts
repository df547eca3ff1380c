/** @file Images with labels in batches: the training data of segmentation networks and AffinityNet. */
import { InputError } from '../errors.ts'
import { type BatchSource, type LoaderOptions, openBatchLoader, type RawBatch } from './batch-loader.ts'
import { randomStream, shuffledIndices } from './random.ts'
import type { Sample } from './sample.ts'
import type { AffinityTransform } from './transforms/affinity.ts'
import type { RetrainTransform } from './transforms/retrain.ts'
import type { SegmentTransform } from './transforms/segment.ts'

/** Labels are [size, S, S] for segmentation, [size, S / stride, S / stride] for AffinityNet; 255: none. */
export type LabelledBatch = RawBatch

export interface LabelledLoaderOptions extends LoaderOptions {
  /** The transform of the stage that trains. */
  readonly transform:
    | { readonly segment: SegmentTransform }
    | { readonly retrain: RetrainTransform }
    | { readonly affinity: AffinityTransform }
  readonly seed: number
  /** Leave out the last batch of an epoch when it is not full; there is always one batch. */
  readonly dropLast?: boolean
  /** The labels of an image: a label PNG for segmentation, score volumes for AffinityNet. */
  readonly labelFile: (sample: Sample) => string
}

/**
 * Loads images in an order drawn from (seed, epoch), by default whole batches only. The original chunks 200
 * concatenated shuffles, so that the rest of one epoch begins the next; here it is left out. Fewer images than a batch are
 * one. Throws InputError when there is no image.
 */
export function openLabelledLoader(
  samples: readonly Sample[],
  { transform, seed, dropLast = true, labelFile, ...options }: LabelledLoaderOptions,
): BatchSource<LabelledBatch> {
  if (samples.length === 0) {
    const stage = 'affinity' in transform ? 'affinity' : 'segment'
    throw new InputError(stage, 'no image has labels to train on', {
      expected: 'rerun the stages before it, and read what they log of the images',
    })
  }
  return openBatchLoader({
    ...options,
    batchSize: Math.min(options.batchSize, samples.length),
    samples,
    dropLast,
    transform: { ...transform, seed },
    order: epoch => shuffledIndices(samples.length, randomStream(seed, epoch)),
    files: sample => [labelFile(sample)],
    batch: raw => raw,
  })
}
