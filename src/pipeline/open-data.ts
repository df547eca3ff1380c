/** @file The data sets that a recipe names: opened, or for the demo generated first. Imports no torch. */
import { mkdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { type Dataset, openDataset } from '../data/dataset.ts'
import { generateDemo } from '../data/demo/index.ts'
import { InputError } from '../errors.ts'
import type { Log } from '../train/log.ts'
import type { Recipe } from './recipe/schema.ts'

/** The recipe with `data.root` filled in, and its pictures. */
export interface RunData {
  readonly recipe: Recipe
  readonly dataset: Dataset
  readonly valDataset: Dataset | undefined
}

/** Opens the training and validation pictures. Throws InputError when no folder is given or it is not a data set. */
export async function openRunData(
  recipe: Recipe,
  { runs, log }: { runs: string; log: Log },
): Promise<RunData> {
  const { data } = recipe
  const root = data.root ?? (data.layout === 'demo' ? demoRoot(recipe, runs) : undefined)
  if (root === undefined) {
    throw new InputError('--data', 'is not given', {
      expected: 'say where the pictures and tags lie: --data DIR',
    })
  }
  const placed = { ...recipe, data: { ...data, root } }
  if (data.layout === 'demo') await makeDemo(placed, root, log)
  const dataset = await openSplit(placed, { split: data.split })
  for (const warning of dataset.warnings) log.warn(warning)
  const valDataset =
    data.valSplit === null
      ? undefined
      : await openSplit(placed, { split: data.valSplit, classes: dataset.classes })
  return { recipe: placed, dataset, valDataset }
}

/** One split of the recipe's data; `classes` fixes their order. Throws InputError when `data.root` is not set. */
export async function openSplit(
  { data }: Recipe,
  { split, classes }: { split: string; classes?: readonly string[] },
): Promise<Dataset> {
  if (data.root === null) throw new InputError('data.root', 'is not set', { expected: 'give --data DIR' })
  return openDataset(data.root, { split, layout: data.layout === 'demo' ? 'folder' : data.layout, classes })
}

/** The pictures whose maps and pseudo masks are scored: those of `evaluate.split`, in the classes of `dataset`. */
export async function openScoredSplit({
  recipe,
  dataset,
}: Pick<RunData, 'recipe' | 'dataset'>): Promise<Dataset> {
  const split = recipe.evaluate.split ?? dataset.split
  return split === dataset.split ? dataset : openSplit(recipe, { split, classes: dataset.classes })
}

function demoRoot({ data: { demo } }: Recipe, runs: string): string {
  return resolve(runs, 'demo-data', `${demo.pictures}x${demo.size}-seed${demo.seed}`)
}

async function makeDemo({ data: { demo } }: Recipe, root: string, log: Log): Promise<void> {
  await mkdir(dirname(root), { recursive: true })
  const progress = log.progress({ title: 'demo data', total: demo.pictures + demo.valPictures })
  const { made } = await generateDemo(root, { ...demo, onProgress: count => progress.update(count) })
  if (made) progress.finish()
  else progress.drop()
}
