/** @file The weight files that a recipe names. Imports no torch. */
import { stat } from 'node:fs/promises'
import { InputError } from '../errors.ts'
import { flatten } from './recipe/compare.ts'
import type { Recipe } from './recipe/schema.ts'
import type { StageName } from './stage.ts'

export interface WeightKey {
  readonly key: string
  /** What sets it. */
  readonly flag: string
  /** The stage that reads the file. */
  readonly stage: StageName
}

/** Keys of a recipe that name a weight file. */
export const WEIGHT_KEYS: readonly WeightKey[] = [
  { key: 'weights', flag: '--weights', stage: 'train' },
  { key: 'maps.weights', flag: '--checkpoint', stage: 'maps' },
  { key: 'affinity.weights', flag: '--set affinity.weights=FILE', stage: 'affinity' },
  { key: 'segment.weights', flag: '--set segment.weights=FILE', stage: 'segment' },
]

/** The weight files of the recipe. Throws InputError, naming the key, when one is not there. */
export async function weightFiles(recipe: Recipe): Promise<(WeightKey & { readonly file: string })[]> {
  const values = flatten(recipe)
  const named = WEIGHT_KEYS.flatMap(one => {
    const file = values.get(one.key)
    return typeof file === 'string' ? [{ ...one, file }] : []
  })
  for (const { file, key, flag } of named) {
    const expected = `give a .safetensors or .pth file with ${flag}`
    const found = await stat(file).catch((cause: unknown) => {
      throw new InputError(file, 'there is no such weight file', { field: key, expected, cause })
    })
    if (found.isDirectory()) throw new InputError(file, 'is a folder', { field: key, expected })
    if (!found.isFile()) throw new InputError(file, 'is no plain file', { field: key, expected })
  }
  return named
}

/** The weight file that the recipe names for a stage. */
export function weightFileOf(stage: StageName, recipe: Recipe): string | undefined {
  const key = WEIGHT_KEYS.find(one => one.stage === stage)?.key
  const value = key === undefined ? undefined : flatten(recipe).get(key)
  return typeof value === 'string' ? value : undefined
}
