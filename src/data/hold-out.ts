/** @file Images held out for validation when a data set has no list of them: drawn from their names, so that new images move none. */
import { createHash } from 'node:crypto'
import type { Dataset, Sample } from './sample.ts'

/** The name of the held-out split. */
export const HELD_OUT = 'held-out'

/**
 * Splits the tagged images by a hash of name and seed: about `share` of them are held out, at least one, and never all of
 * two or more. Images without tags stay: validation cannot use them.
 */
export function holdOut(
  dataset: Dataset,
  { share, seed }: { share: number; seed: number },
): { dataset: Dataset; held: Dataset } {
  const drawn = dataset.samples
    .filter(({ tags }) => tags.length > 0)
    .map(sample => ({ sample, place: placeOf(sample, seed) }))
    .sort((a, b) => a.place - b.place)
  const wanted = drawn.filter(({ place }) => place < share).length
  const count = Math.min(Math.max(wanted, 1), Math.max(drawn.length - 1, 0))
  const chosen = new Set(drawn.slice(0, count).map(({ sample }) => sample))
  const { notes: _, ...rest } = dataset
  return {
    dataset: { ...dataset, samples: dataset.samples.filter(sample => !chosen.has(sample)) },
    held: {
      ...rest,
      split: HELD_OUT,
      samples: dataset.samples.filter(sample => chosen.has(sample)),
      warnings: [],
    },
  }
}

/** In [0, 1). */
function placeOf({ id }: Sample, seed: number): number {
  return createHash('sha256').update(`${seed}:${id}`).digest().readUInt32BE(0) / 2 ** 32
}
