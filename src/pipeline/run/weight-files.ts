/** @file The weight files that a recipe names. Imports no torch. */
import { stat } from 'node:fs/promises'
import { basename, extname } from 'node:path'
import { InputError } from '../../errors.ts'
import { NAMED_WEIGHTS } from '../../models/named-weights.ts'
import { nearestName } from '../../nearest-name.ts'
import { flattenKeys } from '../recipe/compare.ts'
import type { Recipe } from '../recipe/schema.ts'
import { STAGES } from '../stages/list.ts'
import { type FetchNamedOptions, fetchNamed } from '../weights/fetch-named.ts'
import { cachedWeight } from '../weights/weight-cache.ts'
import type { StageDefinition, StageName, WeightKey } from './stage.ts'

interface WeightFile extends WeightKey {
  readonly stage: StageName
  readonly file: string
}

/** Fetches the named weights of the recipe that the cache lacks, and checks the others. Throws InputError, or Interrupted after an abort. */
export async function fetchNamedWeights(recipe: Recipe, options: FetchNamedOptions): Promise<void> {
  for (const stage of STAGES) {
    const file = weightFileOf(stage, recipe)
    const weight = file === undefined ? undefined : cachedWeight(file)
    if (weight !== undefined) await fetchNamed(weight, options)
  }
}

/** The weight files of the recipe. Throws InputError, naming the key, when one is not there. */
export async function weightFiles(recipe: Recipe): Promise<WeightFile[]> {
  const named = STAGES.flatMap(stage => {
    const file = weightFileOf(stage, recipe)
    return file === undefined ? [] : [{ ...stage.weights!, stage: stage.name, file }]
  })
  for (const { file, key, flag } of named) {
    const expected = `give a .safetensors or .pth file with ${flag}, or a name of published weights${nearName(file)}`
    const found = await stat(file).catch((cause: unknown) => {
      throw new InputError(file, 'there is no such weight file', { field: key, expected, cause })
    })
    if (found.isDirectory()) throw new InputError(file, 'is a folder', { field: key, expected })
    if (!found.isFile()) throw new InputError(file, 'is no plain file', { field: key, expected })
  }
  return named
}

/** Of a value without an ending: what it may have meant. */
function nearName(file: string): string {
  const names = NAMED_WEIGHTS.map(({ name }) => name)
  const near = extname(file) === '' ? nearestName(basename(file), names) : undefined
  return near === undefined ? ' (tagmask weights list)' : `: did you mean ${near}?`
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
