/** @file The data sets that a recipe names: opened, or for the demo generated first. Imports no torch. */
import { mkdir, readdir, stat } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { smallClasses } from '../../data/class-names.ts'
import { type Dataset, listSplits, openDataset } from '../../data/dataset.ts'
import { generateDemo } from '../../data/demo/index.ts'
import { holdOut } from '../../data/hold-out.ts'
import { InputError } from '../../errors.ts'
import { count } from '../../io/count.ts'
import { MOST_CLASSES } from '../../io/label-values.ts'
import type { Log } from '../../train/log.ts'
import type { Recipe } from '../recipe/schema.ts'
import { chooseSplits } from './choose-splits.ts'

/** The recipe with `data.root` filled in and fitted to the data set, and its images. */
export interface RunData {
  readonly recipe: Recipe
  readonly dataset: Dataset
  readonly valDataset: Dataset | undefined
}

export interface OpenRunDataOptions {
  /** Folder of all runs. */
  readonly runs: string
  readonly log: Log
  /** Keys set by the user for this run, dotted: their splits must exist. */
  readonly named?: ReadonlySet<string>
}

/** Opens the training and validation images. Throws InputError when no folder is given or it is not a data set. */
export async function openRunData(
  recipe: Recipe,
  { runs, log, named = new Set() }: OpenRunDataOptions,
): Promise<RunData> {
  const placed = await placeData(recipe, { runs, log, named })
  const { data, evaluate, refine } = placed
  const there = await listSplits(data.root, { layout: layoutOf(placed), tags: data.tags })
  const name = basename(resolve(data.root))
  const { split, valSplit, evaluateSplit, said } = chooseSplits(placed, { there, name, named })
  for (const sentence of said) log.info(sentence)
  const whole = await openSplit(placed, { split })
  if (refine.sure !== null && whole.classes.length >= MOST_CLASSES)
    throw new InputError('refine.sure', `leaves no label for ${whole.classes.length} classes`, {
      expected: `at most ${MOST_CLASSES - 1}, since 254 means unsure: leave out a class, or --set refine.sure=null`,
    })
  if (evaluateSplit !== null && evaluateSplit !== split && !there.includes(evaluateSplit))
    await openSplit(placed, { split: evaluateSplit, classes: whole.classes }) // throws, naming the existing splits
  const { dataset, valDataset } = await validation(placed, whole, { valSplit, log })
  for (const note of dataset.notes ?? []) log.info(note)
  const warnings = [...dataset.warnings, ...smallClasses(dataset)]
  for (const warning of warnings) log.warn(warning)
  for (const warning of valDataset?.warnings ?? [])
    if (!warnings.includes(warning)) log.warn(`${valDataset!.split}: ${warning}`)
  const fitted: Recipe = {
    ...placed,
    evaluate: { ...evaluate, split: evaluateSplit },
  }
  return { recipe: withCheckpoint(fitted, valDataset, { log, named }), dataset, valDataset }
}

/** One split of the recipe's data; `classes` fixes their order. Throws InputError when `data.root` is not set. */
async function openSplit(
  recipe: Recipe,
  { split, classes }: { split: string; classes?: readonly string[] },
): Promise<Dataset> {
  const { root, tags, crowds } = recipe.data
  if (root === null) throw new InputError('data.root', 'is not set', { expected: 'give --data DIR' })
  return openDataset(root, { split, layout: layoutOf(recipe), classes, tags, crowds })
}

/** The images whose CAMs and pseudo masks are scored: those of `evaluate.split`, in the classes of `dataset`. */
export async function openScoredSplit({
  recipe,
  dataset,
}: Pick<RunData, 'recipe' | 'dataset'>): Promise<Dataset> {
  const split = recipe.evaluate.split ?? dataset.split
  return split === dataset.split ? dataset : openSplit(recipe, { split, classes: dataset.classes })
}

type Placed = Recipe & { readonly data: { readonly root: string } }

/** With `data.root`, and the demo generated. The layout of a folder with other content is detected. */
async function placeData(
  recipe: Recipe,
  { runs, log, named }: Required<OpenRunDataOptions>,
): Promise<Placed> {
  const { data } = recipe
  const root = data.root ?? (data.layout === 'demo' ? demoRoot(recipe, runs) : undefined)
  if (root === undefined) {
    throw new InputError('--data', 'is not given', {
      expected: 'give the folder of images and tags: --data DIR',
    })
  }
  const placed = { ...recipe, data: { ...data, root } }
  if (data.layout !== 'demo') return placed
  if (named.has('data.root') && !named.has('data.layout')) await refuseEmpty(root)
  if (data.root !== null && (await holdsOtherThanDemo(root))) {
    if (named.has('data.layout'))
      throw new InputError(root, 'is in the way and is not a demo data set', {
        expected: 'choose another folder, or leave out data.layout to detect its layout',
      })
    log.info(`data.layout demo: ${root} holds no generated set, so its layout is detected`)
    return { ...placed, data: { ...placed.data, layout: 'auto' } }
  }
  await makeDemo(placed, root, log)
  return placed
}

function layoutOf({ data: { layout } }: Recipe): Exclude<Recipe['data']['layout'], 'demo'> {
  return layout === 'demo' ? 'folder' : layout
}

/** The validation images: a split, or a share of the training images, or none; each is logged. */
async function validation(
  recipe: Placed,
  whole: Dataset,
  { valSplit, log }: { valSplit: string | undefined; log: Log },
): Promise<Pick<RunData, 'dataset' | 'valDataset'>> {
  const { data, seed } = recipe
  if (valSplit !== undefined)
    return {
      dataset: whole,
      valDataset: await openSplit(recipe, { split: valSplit, classes: whole.classes }),
    }
  if (data.holdOut > 0) {
    const { dataset, held } = holdOut(whole, { share: data.holdOut, seed })
    const aside = held.samples.length
    log.info(
      `validation: ${aside} of ${count(whole.samples.length, 'image')} are held out by seed ${seed} (data.holdOut ${data.holdOut}) and not trained on`,
    )
    return aside === 0 ? { dataset: whole, valDataset: undefined } : { dataset, valDataset: held }
  }
  if (data.valSplit !== null)
    log.info(
      `data.valSplit ${data.valSplit}: ${whole.name} has no such list, so there is no validation (--set data.holdOut=0.1 holds out a tenth of the images)`,
    )
  return { dataset: whole, valDataset: undefined }
}

/** Without a validation no checkpoint is the best: the last is used, unless the user set the best. */
function withCheckpoint(
  recipe: Recipe,
  valDataset: Dataset | undefined,
  { log, named }: { log: Log; named: ReadonlySet<string> },
): Recipe {
  const { maps, train } = recipe
  const isJudged = valDataset !== undefined || train.select === 'gt-miou'
  if (maps.checkpoint !== 'best' || maps.weights !== null || isJudged) return recipe
  if (named.has('maps.checkpoint'))
    throw new InputError('maps.checkpoint', '"best" needs a validation, and the data set has none', {
      expected: 'last, or --set data.holdOut=0.1, which holds out a tenth of the images',
    })
  log.info('maps.checkpoint best: there is no validation, so the last is used')
  // a spread over the union of recipes would lose which method it is of
  const last = structuredClone(recipe)
  last.maps.checkpoint = 'last'
  return last
}

function demoRoot({ data: { demo } }: Recipe, runs: string): string {
  return resolve(runs, 'demo-data', `${demo.images}x${demo.size}-seed${demo.seed}`)
}

/** A folder of one's own that is mistyped is no place to generate images in. */
async function refuseEmpty(root: string): Promise<void> {
  const found = await stat(root).catch(() => undefined)
  const names = found?.isDirectory() ? await readdir(root) : []
  if (names.length > 0) return
  const problem =
    found === undefined
      ? 'there is no such folder'
      : found.isDirectory()
        ? 'is empty'
        : 'is a file, not a folder'
  throw new InputError(root, problem, {
    field: 'data.root',
    expected:
      'give a folder of images and tags; without --data the images of the demo are generated, with --set data.layout=demo they are generated there',
  })
}

/** Whether a folder has files, but not demo.json. */
async function holdsOtherThanDemo(root: string): Promise<boolean> {
  const names: readonly string[] = await readdir(root).catch(() => [])
  return names.length > 0 && !names.includes('demo.json')
}

async function makeDemo({ data: { demo } }: Recipe, root: string, log: Log): Promise<void> {
  await mkdir(dirname(root), { recursive: true })
  const progress = log.progress({ title: 'demo data', total: demo.images + demo.valImages })
  const { made } = await generateDemo(root, { ...demo, onProgress: count => progress.update(count) })
  if (made) progress.finish()
  else progress.drop()
}
