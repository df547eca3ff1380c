/** @file `tagmask ablate`: variants of a recipe over seeds, each an ordinary run; stages that two share are computed once. Imports no torch. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { InputError } from '../../errors.ts'
import { writeFileAtomic } from '../../io/atomic.ts'
import type { AblationVariant } from '../../methods/definition.ts'
import { silentLog } from '../../train/log.ts'
import { loadRecipe } from '../recipe/load.ts'
import { methodOf } from '../recipe/method.ts'
import type { Recipe } from '../recipe/schema.ts'
import { openRunData, openScoredSplit } from '../run/open-data.ts'
import { fromHere, type RunFolder } from '../run/run-folder.ts'
import { placeOfRun } from '../run/run-place.ts'
import { type RunRecipeOptions, runRecipe } from '../run/run-recipe.ts'
import type { StageName } from '../run/stage.ts'
import type { ScoresFile } from '../stages/evaluate/evaluate.ts'
import { stagesOf, withStagesBefore } from '../stages/list.ts'
import { readAblationFile } from './ablation-file.ts'
import { type Ablation, type AblationRun, ablationRows, formatAblation } from './ablation-table.ts'
import { clippingVariants, pickVariants } from './ablation-variant.ts'

export interface AblateOptions
  extends Pick<RunRecipeOptions, 'set' | 'overrides' | 'runs' | 'withChanges' | 'signal' | 'log'> {
  /** Also a file of variants, or its bundled name; see AblationFile. */
  readonly recipe: string
  /** The runs lie in ablate-NAME/ in the folder of all runs; the file's name when not given. */
  readonly name?: string | undefined
  /** Variants of one's own. */
  readonly variants?: readonly AblationVariant[]
  /** Names of the variants to compare, also those of gradient clipping; `variants` are always. Default: `variants` if any, else the file's, else the method's. */
  readonly only?: readonly string[] | undefined
  /** Default: the file's, else 0, 1, 2. */
  readonly seeds?: readonly number[] | undefined
  /** Scope of the seeds: a whole run, or the stage segment alone, with the stages before it computed once. */
  readonly seedsOf?: 'run' | 'segment'
}

/**
 * Runs every variant with every seed as runs/ablate-NAME/VARIANT-seedN, skipping finished stages; a stage that another
 * variant has run on the same inputs is reused. Ends at `seed` unless a variant sets a key of a later stage, or the method labels images
 * by its own head.
 * Writes ablation.json and ablation.md after each run.
 * Throws InputError, before anything is run, for a wrong variant or images without masks; Interrupted after an abort.
 */
export async function ablate({
  recipe: given,
  set: changes = [],
  overrides = [],
  runs = 'runs',
  name,
  variants: own = [],
  only,
  seeds: chosenSeeds,
  seedsOf = 'run',
  log = silentLog(),
  ...rest
}: AblateOptions): Promise<{ folder: string; ablation: Ablation }> {
  const file = await readAblationFile(given)
  const recipe = file?.recipe ?? given
  const seeds = chosenSeeds ?? file?.seeds ?? [0, 1, 2]
  const set = [...(file?.set ?? []), ...changes]
  const loaded = await loadRecipe(recipe, { set, overrides })
  if (seedsOf === 'segment' && loaded.recipe.segment === null) {
    throw new InputError('--seeds-of segment', `${loaded.name} has no section segment`, { expected: 'run' })
  }
  const variants = chooseVariants(loaded.recipe, { own, file: file?.variants, only })
  const recipes = new Map<string, Recipe>()
  for (const { name, set: own } of variants) {
    const changed = await loadRecipe(recipe, { set: [...set, ...own], overrides }).catch(namingVariant(name))
    recipes.set(name, changed.recipe)
  }
  const folder = `ablate-${name ?? file?.name ?? loaded.name}`
  placeOfRun(runs, folder) // throws, before the demo's images are made
  await refuseWithoutMasks(loaded.recipe, { runs, log, named: loaded.chosen.set })
  const all = seedsOf === 'segment' || reachLater(variants) || [...recipes.values()].some(labelsItself)
  const done: AblationRun[] = []
  let ablation: Ablation = { recipe: loaded.name, variants, runs: done, rows: [] }
  const siblings: string[] = []
  const seedKey = seedsOf === 'run' ? 'seed' : 'segment.seed'
  for (const seed of seeds) {
    for (const { name, set: changed } of variants) {
      log.info(`ablate: ${name}, seed ${seed}`)
      const varied = recipes.get(name)!
      const stages = (all ? stagesOf(varied) : withStagesBefore(['evaluate'], varied)).map(
        stage => stage.name,
      )
      const { run } = await runRecipe({
        ...rest,
        log,
        recipe,
        set: [...set, ...changed, `${seedKey}=${seed}`],
        overrides,
        runs,
        group: folder,
        name: `${name}-seed${seed}`,
        siblings,
        stages,
      })
      siblings.push(run.root)
      done.push({ variant: name, seed, folder: fromHere(run.root), scores: await readScores(run, stages) })
      ablation = { ...ablation, rows: ablationRows(variants, done) }
      const at = (file: string): string => resolve(runs, folder, file)
      await writeFileAtomic(at('ablation.json'), `${JSON.stringify(ablation, null, 2)}\n`)
      await writeFileAtomic(at('ablation.md'), `${formatAblation(ablation)}\n`)
    }
  }
  return { folder: resolve(runs, folder), ablation }
}

function chooseVariants(
  recipe: Recipe,
  {
    own,
    file,
    only,
  }: {
    own: readonly AblationVariant[]
    file: readonly AblationVariant[] | undefined
    only: readonly string[] | undefined
  },
): readonly AblationVariant[] {
  const method = methodOf(recipe)
  const preset = file ?? method.variants(recipe)
  const named = [...preset, ...(method.namedVariants?.(recipe) ?? []), ...clippingVariants(recipe)]
  const all = [...own, ...named.filter(({ name }) => own.every(one => one.name !== name))]
  const picked = only && pickVariants(all, only)
  const chosen = picked && [...picked, ...own.filter(one => !picked.includes(one))]
  const compared = chosen ?? (own.length > 0 ? own : preset)
  const twice = compared.find(({ name }, i) => compared.findIndex(one => one.name === name) !== i)
  if (twice === undefined) return compared
  throw new InputError('--variant', `there are two variants ${twice.name}`, {
    expected: 'give each its own name',
  })
}

/** What is wrong with a recipe is said with the variant that makes it so. */
function namingVariant(name: string): (error: unknown) => never {
  return error => {
    if (!(error instanceof InputError)) throw error
    throw new InputError(`variant ${name}`, error.message, { cause: error })
  }
}

/** Whether a variant sets a key of a stage after evaluate. */
function reachLater(variants: readonly AblationVariant[]): boolean {
  return variants.some(({ set }) => set.some(one => /^(affinity|refine|segment|predict)\b/.test(one)))
}

/** Whether what labels images is trained with the CAMs. */
function labelsItself(recipe: Recipe): boolean {
  return recipe.segment === null && methodOf(recipe).labels === true
}

async function refuseWithoutMasks(recipe: Recipe, options: Parameters<typeof openRunData>[1]): Promise<void> {
  const { recipe: placed, dataset } = await openRunData(recipe, options)
  const { split, samples } = await openScoredSplit({ recipe: placed, dataset })
  if (samples.some(({ mask }) => mask !== undefined)) return
  throw new InputError(dataset.root, `no image of ${split} has a mask`, {
    expected: 'an ablation compares scores: give images with masks, or use tagmask run for each variant',
  })
}

/** The scores of the CAMs, and of the predictions where the recipe has that stage. */
async function readScores(run: RunFolder, stages: readonly StageName[]): Promise<AblationRun['scores']> {
  const files = [run.scores, ...(stages.includes('predict') ? [run.predictionScores] : [])]
  const contents = await Promise.all(files.map(file => readFile(file, 'utf8')))
  return contents
    .flatMap(text => (JSON.parse(text) as Pick<ScoresFile, 'scores'>).scores)
    .map(({ metric, split, threshold, miou }) => ({ metric, split, threshold, miou }))
}
