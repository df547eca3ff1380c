/** @file `tagmask recipes`: the bundled recipes, what each is for and needs, and a rough time. Imports no torch. */
import { readFile } from 'node:fs/promises'
import { silentLog } from '../../train/log.ts'
import { flattenKeys } from '../recipe/compare.ts'
import { bundledNames, findRecipe } from '../recipe/find.ts'
import { type LoadedRecipe, loadRecipe } from '../recipe/load.ts'
import { autoencoderOf, encoderOf } from '../recipe/method.ts'
import type { Recipe } from '../recipe/schema.ts'
import { fitBatches } from '../run/fit-recipe.ts'
import { stagesOf } from '../stages/list.ts'
import { estimateWork, type Machine, secondsOf, type WorkSize } from './stage-work.ts'

export interface CatalogEntry {
  readonly name: string
  readonly method: string
  /** The first comment of its file. */
  readonly purpose: string
  /** Each network that needs pretrained weights; empty for a recipe that starts from random ones. */
  readonly weights: readonly string[]
  readonly estimates: readonly CatalogEstimate[]
}

export interface CatalogEstimate {
  readonly images: number
  readonly seconds: number
  readonly stages: readonly { readonly stage: string; readonly seconds: number }[]
}

/** The machine of the estimates, and its images: said wherever they are shown. */
export const USUAL_MACHINE: Machine = { gflops: 350, cores: 2 }
const USUAL_COUNTS = [100, 500, 5000]
const USUAL_IMAGE = { width: 500, height: 375, classes: 20 }

/** One entry for each bundled recipe, or for those of a method. */
export async function recipeCatalog({
  method,
}: {
  method?: string | undefined
} = {}): Promise<CatalogEntry[]> {
  const entries = await Promise.all((await bundledNames()).map(catalogEntry))
  return entries.filter(entry => method === undefined || entry.method === method)
}

/** A bundled recipe, or a file. Throws InputError as loadRecipe. */
export async function catalogEntry(fileOrName: string): Promise<CatalogEntry> {
  const loaded = await loadRecipe(fileOrName)
  const { recipe, name } = loaded
  const { demo, layout } = recipe.data
  const counts = layout === 'demo' ? [demo.images] : USUAL_COUNTS
  const estimates = counts.map(images => estimate(loaded, sizeOf(recipe, images)))
  return {
    name,
    method: recipe.method,
    purpose: purposeOf(await recipeText(fileOrName)),
    weights: weightsOf(recipe),
    estimates,
  }
}

/** The file of a recipe, as it is. */
export async function recipeText(fileOrName: string): Promise<string> {
  return readFile((await findRecipe(fileOrName)).file, 'utf8')
}

/** A tenth of the images are to validate on, where the recipe has any. */
function sizeOf({ data }: Recipe, images: number): WorkSize {
  const { demo, layout, valSplit, holdOut } = data
  if (layout === 'demo')
    return { images, valImages: demo.valImages, classes: 6, width: demo.size, height: demo.size }
  const judged = valSplit !== null || holdOut > 0
  return { ...USUAL_IMAGE, images, valImages: judged ? Math.round(images / 10) : 0 }
}

function estimate({ recipe, chosen }: LoadedRecipe, size: WorkSize): CatalogEstimate {
  const fit = fitBatches(recipe, { images: size.images, chosen, log: silentLog() })
  const stages = estimateWork(fit, size).map(work => ({
    stage: work.stage,
    seconds: secondsOf(work, USUAL_MACHINE),
  }))
  return { images: size.images, seconds: stages.reduce((sum, { seconds }) => sum + seconds, 0), stages }
}

/** The first sentence of the comment at the top, without a command after its colon. */
export function purposeOf(text: string): string {
  const lines = text.split('\n')
  const end = lines.findIndex(line => !line.startsWith('#'))
  const comment = lines.slice(0, end < 0 ? lines.length : end).map(line => line.replace(/^# ?/, ''))
  const whole = comment.join(' ').replace(/:? tagmask .*$/, '')
  return /^.*?[^.\d]\.(?= |$)/.exec(whole)?.[0] ?? whole
}

/** What the stages would start from random weights without. */
function weightsOf(recipe: Recipe): string[] {
  return stagesOf(recipe).flatMap(({ weights, randomStart }) => {
    if (weights === undefined || randomStart?.(recipe) === undefined) return []
    if (flattenKeys(recipe).get(weights.key) != null) return []
    if (weights.key === 'weights') return [encoderOf(recipe).name ?? encoderOf(recipe).size]
    const other = weights.ofAnother ? autoencoderOf(recipe)?.encoder : undefined
    return [`${other?.name ?? other?.size ?? weights.backbone?.(recipe)} for ${weights.key.split('.')[0]}`]
  })
}
