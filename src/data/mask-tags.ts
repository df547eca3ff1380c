/** @file Tags from masks: the classes that an image's mask shows. */
import { InputError } from '../errors.ts'
import { count } from '../io/count.ts'
import { IGNORE } from '../io/label-values.ts'
import { sample, untaggedFault, untaggedWarning } from './listing.ts'
import { FIRST, type Problems } from './problems.ts'
import type { Dataset, Sample } from './sample.ts'
import { readTruth } from './truth.ts'

const TOGETHER = 4 // masks in memory at the same time

/** The data set with the classes of each mask as tags. Throws InputError when there are no masks, or none can be read. */
export async function tagsFromMasks(
  dataset: Dataset,
  { problems = FIRST }: { problems?: Problems } = {},
): Promise<Dataset> {
  const { samples, classes, root } = dataset
  if (samples.every(({ mask }) => mask === undefined))
    throw new InputError(root, 'has no masks', {
      field: 'data.tags',
      expected: 'tags from masks need masks/, or another source',
    })
  const bad: { id: string; error: InputError }[] = []
  const tagged: Sample[] = []
  for (let first = 0; first < samples.length; first += TOGETHER)
    tagged.push(
      ...(await Promise.all(
        samples.slice(first, first + TOGETHER).map(async one => {
          try {
            return { ...one, tags: await maskTags(one, classes) }
          } catch (error) {
            if (!(error instanceof InputError)) throw error
            bad.push({ id: one.id, error })
            return one
          }
        }),
      )),
    )
  const masked = samples.filter(({ mask }) => mask !== undefined).length
  if (bad.length === masked) throw bad[0]!.error
  const untagged = tagged.filter(({ tags }) => tags.length === 0)
  return {
    ...dataset,
    samples: tagged,
    warnings: [
      ...dataset.warnings,
      ...(bad.length === 0
        ? []
        : problems.doubt(
            'untagged',
            `${count(bad.length, 'mask')} cannot be read, so no tags: ${sample(bad.map(({ id }) => id))}: ${bad[0]!.error.message}`,
            () => [], // whoever reads each mask names them
          )),
      ...untaggedWarning(
        untagged.map(({ id }) => id),
        { problems, each: () => untagged.map(({ image }) => untaggedFault(image)) },
      ),
    ],
    notes: [
      ...(dataset.notes ?? []),
      `the tags are the classes in the masks of ${count(masked - bad.length, 'image')}`,
    ],
  }
}

/** Classes with a pixel in the mask, sorted; none without a mask. Throws InputError for an unreadable one, and a label of no class. */
export async function maskTags(one: Omit<Sample, 'id'>, classes: readonly string[]): Promise<number[]> {
  if (one.mask === undefined) return []
  const { data } = await readTruth(one)
  const held = new Uint8Array(256)
  for (const label of data) held[label] = 1
  const labels = [...held.keys()].filter(label => held[label] === 1 && label !== 0 && label !== IGNORE)
  const beyond = labels.find(label => label > classes.length)
  if (beyond !== undefined)
    throw new InputError(
      one.mask,
      `holds the label ${beyond}, and there are ${count(classes.length, 'class')}`,
      {
        expected: 'list every class in classes.txt',
      },
    )
  return labels.map(label => label - 1)
}
