/** @file What a recipe says of its data, for a check: folder, layout, splits, and the patches of its network. Imports no torch. */
import { listSplits } from '../../data/dataset.ts'
import { InputError } from '../../errors.ts'
import { loadRecipe } from '../recipe/load.ts'
import { encoderOf } from '../recipe/method.ts'
import { chooseSplits } from '../run/choose-splits.ts'
import type { CheckDataOptions } from './check-data.ts'

export interface RecipeData
  extends Pick<CheckDataOptions, 'layout' | 'splits' | 'patchSize' | 'tags' | 'crowds'> {
  /** Null where the recipe names none. */
  readonly root: string | null
}

/** `root` and `tags` replace the recipe's. The splits are those that a run would take, substitutes included; all where they cannot be listed. */
export async function recipeData(
  fileOrName: string,
  { root: given, tags: source }: { root?: string | undefined; tags?: string | undefined } = {},
): Promise<RecipeData> {
  const { recipe, chosen } = await loadRecipe(fileOrName)
  const { data } = recipe
  const root = given ?? data.root
  const layout = data.layout === 'demo' ? ('auto' as const) : data.layout
  const tags = source ?? data.tags
  const common = { root, layout, tags, crowds: data.crowds, patchSize: encoderOf(recipe).patchSize }
  if (root === null) return common
  const there = await listSplits(root, { layout, tags }).catch((error: unknown) => {
    if (error instanceof InputError) return undefined // the check names it
    throw error
  })
  if (there === undefined) return common
  const named = new Set([...(chosen.bundled ? [] : chosen.written), ...chosen.set])
  const { split, valSplit, evaluateSplit } = chooseSplits(recipe, { there, name: root, named })
  const splits = [split, valSplit, evaluateSplit].filter(name => name !== undefined && name !== null)
  return { ...common, splits: [...new Set(splits)] }
}
