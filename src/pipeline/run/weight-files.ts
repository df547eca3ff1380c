/** @file The weight files that a recipe names. Imports no torch. */
import { stat } from 'node:fs/promises'
import { InputError } from '../../errors.ts'
import { flattenKeys } from '../recipe/compare.ts'
import type { Recipe } from '../recipe/schema.ts'
import { STAGES } from '../stages/list.ts'
import type { StageDefinition, StageName, WeightKey } from './stage.ts'

interface WeightFile extends WeightKey {
  readonly stage: StageName
  readonly file: string
}

/** The weight files of the recipe. Throws InputError, naming the key, when one is not there. */
export async function weightFiles(recipe: Recipe): Promise<WeightFile[]> {
  const named = STAGES.flatMap(stage => {
    const file = weightFileOf(stage, recipe)
    return file === undefined ? [] : [{ ...stage.weights!, stage: stage.name, file }]
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
export function weightFileOf({ weights }: StageDefinition, recipe: Recipe): string | undefined {
  const value = weights === undefined ? undefined : flattenKeys(recipe).get(weights.key)
  return typeof value === 'string' ? value : undefined
}

/** Whether a key names a weight file. */
export function isWeightKey(key: string): boolean {
  return STAGES.some(({ weights }) => weights?.key === key)
}
