/** @file `tagmask inspect`: what the networks of a recipe or a run are. Loads libtorch for networks alone. */
import { stat } from 'node:fs/promises'
import { openDataset } from '../../data/dataset.ts'
import { isFile } from '../../data/image-path.ts'
import { InputError } from '../../errors.ts'
import { type Log, silentLog } from '../../train/log.ts'
import { loadRecipe } from '../recipe/load.ts'
import type { Recipe } from '../recipe/schema.ts'
import { findRecipeOrRun } from '../run/find-run.ts'
import { existingRunFolder, fromHere } from '../run/run-folder.ts'
import type { RecipeInspection } from './inspection.ts'

export interface InspectTargetOptions {
  /** Side of the images, pixels; default: of the training crop. */
  readonly side?: number | undefined
  /** Default: those of the recipe's data set where it is there, else 20. */
  readonly numClasses?: number | undefined
  /** `key=value` texts, as after --set. */
  readonly set?: readonly string[]
  /** Folder of all runs, one of which `target` may name. */
  readonly runs?: string
  readonly log?: Log
}

/** VOC's. */
const CLASSES = 20

/**
 * `target` is a run folder, a recipe file, or the name of a bundled recipe or a run. Throws InputError for anything else; a file
 * of weights is for inspectWeights.
 */
export async function inspectTarget(
  target: string,
  { side, numClasses, set = [], runs = 'runs', log = silentLog() }: InspectTargetOptions = {},
): Promise<RecipeInspection> {
  for (const [name, value, [least, most]] of [
    ['--size', side, [16, 4096]],
    ['--classes', numClasses, [1, 253]],
  ] as const)
    if (value !== undefined && !(Number.isInteger(value) && value >= least && value <= most))
      throw new InputError(name, `is ${value}`, {
        expected: `expected a whole number from ${least} to ${most}`,
      })
  if (await isWeightFile(target)) {
    throw new InputError(target, 'is a file of weights', { expected: `tagmask weights inspect ${target}` })
  }
  const recipe = await recipeAt(target, { set, runs })
  const classes = numClasses ?? (await classesOf(recipe, log))
  const { inspectRecipe } = await import('./inspect-recipe.ts')
  return inspectRecipe(recipe, { numClasses: classes, side })
}

async function isWeightFile(target: string): Promise<boolean> {
  if (/\.ya?ml$/.test(target)) return false
  if (await isFile(target)) return true
  if (/\.(safetensors|pth|pt|bin|npz)$/.test(target))
    throw new InputError(target, 'there is no such file', {
      expected: 'a run or a recipe',
    })
  return false
}

/** On the CPU, whatever the recipe says. */
async function recipeAt(
  target: string,
  { set, runs }: { set: readonly string[]; runs: string },
): Promise<Recipe> {
  const found = await findRecipeOrRun(target, { runs }).catch(async (error: unknown) => {
    if (!(await stat(target).catch(() => undefined))?.isDirectory()) throw error
    throw new InputError(target, 'is a folder without a recipe.yaml', {
      expected: 'a run folder or a recipe',
    })
  })
  const file = 'run' in found ? (await existingRunFolder(found.run)).run.recipe : found.recipe
  return (await loadRecipe(file, { set: [...set, 'device=cpu'] })).recipe
}

/** The number of classes of the recipe's data set, or VOC's, which is said. */
async function classesOf({ data }: Recipe, log: Log): Promise<number> {
  const { root, layout, split, tags } = data
  if (root !== null) {
    const found = await openDataset(root, {
      split,
      tags,
      layout: layout === 'demo' ? 'folder' : layout,
    }).catch((error: unknown) => {
      if (!(error instanceof InputError)) throw error
      return undefined
    })
    if (found !== undefined) return found.classes.length
    log.info(
      `inspect: ${fromHere(root)} cannot be opened, so there are ${CLASSES} classes, as in VOC (--classes N)`,
    )
  } else log.info(`inspect: ${CLASSES} classes, as in VOC (--classes N)`)
  return CLASSES
}
