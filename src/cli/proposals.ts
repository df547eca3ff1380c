/** @file What a shell may complete a word to: names of recipes and runs, keys of a recipe. */

import { METHODS } from '../methods/list.ts'
import { NAMED_WEIGHTS } from '../models/named-weights.ts'
import { bundledNames } from '../pipeline/recipe/find.ts'
import { recipeKeys } from '../pipeline/recipe/keys.ts'
import { runNames } from '../pipeline/run/find-run.ts'

const startingWith = (partial: string, names: readonly string[]): string[] =>
  names.filter(name => name.startsWith(partial))

/** Runs in the usual folder: the flag --runs is not known to a proposal. */
export async function proposeRuns(partial: string): Promise<string[]> {
  return startingWith(partial, await runNames())
}

export async function proposeRecipes(partial: string): Promise<string[]> {
  return startingWith(partial, await bundledNames())
}

export async function proposeRecipesAndRuns(partial: string): Promise<string[]> {
  return [...(await proposeRecipes(partial)), ...(await proposeRuns(partial))]
}

export function proposeMethods(partial: string): string[] {
  return startingWith(
    partial,
    METHODS.map(({ name }) => name),
  )
}

/** Names of published weights; none for nothing, so that the shell completes files. */
export function proposeWeights(partial: string): string[] {
  if (partial === '') return []
  return startingWith(
    partial,
    NAMED_WEIGHTS.map(({ name }) => name),
  )
}

/** Recipes and files of variants. */
export async function proposeAblations(partial: string): Promise<string[]> {
  return startingWith(partial, [...(await bundledNames()), ...(await bundledNames('ablations'))])
}

/** KEY= of a recipe. */
export function proposeKeys(partial: string): string[] {
  const keys = recipeKeys().map(({ path }) => `${path}=`)
  return startingWith(partial, [...new Set(keys)])
}
