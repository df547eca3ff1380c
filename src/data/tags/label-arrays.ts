/** @file cls_labels.npy, as published with weakly supervised methods: a pickled dictionary from image to a vector of classes. */
import { InputError } from '../../errors.ts'
import { readNpyDictionary } from '../../io/npy.ts'
import { toFloat32Array } from '../../io/tensor-data.ts'
import { FIRST, type Problems } from '../problems.ts'
import type { TagRow, TagRows } from '../tag-table.ts'

/** Where such a file lies, in the order in which it is looked for. */
export const LABEL_ARRAYS = ['cls_labels.npy', 'cls_labels_onehot.npy'] as const

export interface LabelArrayContext {
  readonly classes: readonly string[]
  /** Whether an image of the name is there. */
  readonly exists: (name: string) => boolean
  readonly problems?: Problems
}

/**
 * A row for each entry whose image is there; a published file holds every split. Keys may be numbers: 2007000032 for 2007_000032 (IRN),
 * 9 for COCO_train2014_000000000009. A vector of another length than the classes is a fault.
 */
export async function arrayRows(
  path: string,
  { classes, exists, problems = FIRST }: LabelArrayContext,
): Promise<TagRows> {
  const dictionary = await readNpyDictionary(path)
  const rows: TagRow[] = []
  let others = 0
  for (const [key, array] of dictionary) {
    const file = namesOf(key).find(exists)
    if (file === undefined) {
      others++
      continue
    }
    const values = toFloat32Array(array)
    if (values.length !== classes.length) {
      problems.fault(
        'bad-row',
        new InputError(
          path,
          `has ${values.length} classes for ${key}, and the data set has ${classes.length}`,
          {
            field: key,
            expected:
              'a number of 0 or 1 for each class, in the order of the data set, without the background',
          },
        ),
      )
      continue
    }
    const tags = classes.filter((_, k) => values[k]! > 0)
    rows.push({ file, tags, split: undefined, where: key })
  }
  if (others === dictionary.size)
    throw new InputError(
      path,
      `names no image that is there: its first key is ${[...dictionary.keys()][0] ?? 'none'}`,
      {
        expected: 'keys are names of images without the ending',
      },
    )
  const notes =
    others === 0
      ? []
      : [`${path}: ${others} of its ${dictionary.size} entries are of images that are not there`]
  return { rows, exclusive: true, notes }
}

function namesOf(key: string): string[] {
  if (!/^\d+$/.test(key)) return [key]
  const long = key.padStart(12, '0')
  return [
    key,
    `${key.slice(0, 4)}_${key.slice(4)}`,
    long,
    ...['train2014', 'val2014'].map(part => `COCO_${part}_${long}`),
  ]
}
