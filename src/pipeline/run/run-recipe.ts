/** @file `tagmask run`: from a recipe and a folder of images to a finished run folder. Imports no torch. */
import { appendFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { InputError } from '../../errors.ts'
import { explainWriteError } from '../../io/atomic.ts'
import { packageVersion } from '../../io/package-root.ts'
import { textOf } from '../../io/printable.ts'
import { checkThreads, defaultThreads } from '../../io/thread-count.ts'
import { type Log, silentLog } from '../../train/log.ts'
import type { Processes } from '../../train/parallel/processes.ts'
import type { Shard } from '../images/shard.ts'
import { planRun, type RunPlan } from '../plan/run-plan.ts'
import { loadRecipe } from '../recipe/load.ts'
import type { Override } from '../recipe/overrides.ts'
import type { Recipe } from '../recipe/schema.ts'
import { stageNames, stagesOf } from '../stages/list.ts'
import { watchRun } from '../stages/report/live-report.ts'
import { weightsPath } from '../weights/weight-cache.ts'
import { findRecipeOrRun } from './find-run.ts'
import { fitRecipe, keysToFit } from './fit-recipe.ts'
import { endStages, leadStages, refuseUndivided, startStages } from './lead-stages.ts'
import { openRunData } from './open-data.ts'
import { preflight } from './preflight.ts'
import { warnOfRandomStarts } from './random-weights.ts'
import {
  fromHere,
  openRunFolder,
  type RunFolder,
  refuseOlderRun,
  refuseOtherRecipe,
  runFolder,
} from './run-folder.ts'
import { lockRun } from './run-lock.ts'
import { placeOfRun, refuseDataFolder, refuseForeignFolder } from './run-place.ts'
import { runShard, type ShardDone, whichAre } from './run-shard.ts'
import { runStages } from './run-stages.ts'
import type { StageName } from './stage.ts'
import { fetchNamedWeights } from './weight-files.ts'

export interface RunRecipeOptions {
  /** A recipe file, the name of a bundled recipe, or a run to resume: its folder, or its name in `runs`. */
  readonly recipe: string
  /** Folder of the data set: data.root. */
  readonly data?: string
  /** File of the weights that training starts from, or their name (NAMED_WEIGHTS). */
  readonly weights?: string
  /** `key=value` texts, as after --set: `train.epochs=5`. */
  readonly set?: readonly string[]
  readonly overrides?: readonly Override[]
  /** Folder of all runs; runs/ in the working folder when not given. */
  readonly runs?: string
  /** Name of this run; the recipe's when not given. */
  readonly name?: string | undefined
  /** Folder between the two, for related runs. */
  readonly group?: string | undefined
  /** All of the recipe when not given. */
  readonly stages?: readonly StageName[] | undefined
  readonly force?: boolean
  /** The part of the images that is made, of the one stage that is given: docs/shards.md. */
  readonly shard?: Shard | undefined
  readonly withChanges?: boolean
  /** Run folders whose stages are reused where their inputs are the same. */
  readonly siblings?: readonly string[]
  /** Receives what the run will do, before its first step; the machine's speed is measured for it. */
  readonly onPlan?: (plan: RunPlan) => void
  /** Write report.html while the run goes on, and keep example CAMs of its training for it. */
  readonly live?: boolean
  /** Return after the plan: nothing is run and no run folder made. */
  readonly dryRun?: boolean
  /** The processes that share its trainings: this one must be the first of them (followRun is for the others). */
  readonly processes?: Processes | undefined
  /** Stops the run, which can be resumed. */
  readonly signal?: AbortSignal
  /** Receives what is guessed, reduced and done; createLog() writes it to the terminal. */
  readonly log?: Log
}

export interface RanRecipe {
  readonly run: RunFolder
  /** The requested stages, and those that had work to do. */
  readonly stages: readonly StageName[]
  readonly worked: StageName[]
  /** Of a shard. */
  readonly shard?: ShardDone
}

/** Runs the stages; returns the run folder, the requested stages and those that had work to do. Data and weights are checked
 * before the folder is created, so that a wrong path leaves nothing behind. Throws InputError, or Interrupted after an abort. */
export async function runRecipe({
  recipe: recipeName,
  data,
  weights,
  set = [],
  overrides: others = [],
  runs = 'runs',
  name,
  group,
  stages: asked,
  force = false,
  shard,
  withChanges = false,
  siblings = [],
  onPlan,
  dryRun = false,
  live = false,
  processes,
  signal = new AbortController().signal,
  log = silentLog(),
}: RunRecipeOptions): Promise<RanRecipe> {
  const part = shard && { shard, stage: stageOfShard(asked ?? [], { force }) }
  const overrides = [
    ...pathOverrides({ data, weights }),
    ...(live ? [{ path: ['report', 'live'], value: true, source: '--report' }] : []),
    ...others,
  ]
  const found = await findRecipeOrRun(recipeName, { runs })
  const taken = 'run' in found ? found.run : undefined
  if (taken !== undefined) await refuseOlderRun(taken)
  const file = 'run' in found ? join(found.run, 'recipe.yaml') : found.recipe
  const loaded = await loadRecipe(file, { set, overrides })
  const root =
    taken !== undefined && name === undefined
      ? taken
      : placeOfRun(
          group === undefined ? runs : placeOfRun(runs, group),
          name ?? (taken === undefined ? loaded.name : basename(taken)),
        )
  await refuseForeignFolder(root)
  checkAllThreads(loaded.recipe)
  const { chosen } = loaded
  const opened = await openRunData(loaded.recipe, { runs, log, named: chosen.set })
  const { dataset, valDataset } = opened
  const fit = { dataset, chosen: taken === undefined ? chosen : undefined, log }
  const recipe = fitRecipe(opened.recipe, fit)
  const fitted = fitRecipe(loaded.recipe, { ...fit, log: silentLog() })
  // splits are chosen at each start, batches are not
  const kept = { ...fitted, data: { ...fitted.data, root: recipe.data.root } }
  if (!withChanges) await refuseOtherRecipe(root, kept, { free: keysToFit(recipe, fit) })
  if (recipe.data.root !== null) await refuseDataFolder(root, recipe.data.root, dataset)
  const stages = asked ?? stageNames(recipe)
  if (processes !== undefined) refuseUndivided(recipe, { stages, processes: processes.size })
  await fetchNamedWeights(recipe, { log, signal, reason: dryRun ? 'the dry run reads them' : undefined })
  const isChosen = (key: string): boolean => chosen.written.has(key) || chosen.set.has(key)
  await preflight({ recipe, dataset, run: runFolder(root), stages, readAll: dryRun, isChosen, log })
  if (onPlan !== undefined)
    onPlan(
      await planRun({ recipe, dataset, valDataset, run: runFolder(root), stages, force, lookAtAll: dryRun }),
    )
  if (dryRun) {
    const planned = stagesOf(recipe).filter(({ name }) => stages.includes(name))
    await warnOfRandomStarts(recipe, { stages: planned, run: runFolder(root), force, log })
    return { run: runFolder(root), stages, worked: [] }
  }
  const prepare = async (): Promise<RunFolder> => {
    await refuseForeignFolder(root) // it may have become another's
    const run = await openRunFolder(root, kept)
    await recordSession(run, stages)
    return run
  }
  if (part !== undefined) {
    const [options, run] = [{ recipe, dataset, valDataset, signal, log }, runFolder(root)]
    const done = await runShard({ ...options, ...part, run, open: prepare })
    return { run, stages, worked: done.done ? [] : [part.stage], shard: done }
  }
  const release = await lockRun(runFolder(root), { onDoubt: sentence => log.info(sentence) })
  try {
    const run = await prepare()
    log.info(`run folder ${fromHere(run.root)}`)
    await warnOfRandomStarts(recipe, {
      stages: stagesOf(recipe).filter(({ name }) => stages.includes(name)),
      run,
      force,
      log,
    })
    const shared = { processes, ...(processes && { load: leadStages(processes) }) }
    const options = { recipe, run, dataset, valDataset, stages, signal, log, force, siblings, ...shared }
    if (processes !== undefined) await startStages(processes, { recipe, run, dataset })
    const page = live ? watchInBackground(run, log) : undefined
    try {
      const worked = await runStages(options)
      if (processes !== undefined) await endStages(processes)
      return { run, stages, worked }
    } finally {
      await page?.stop()
    }
  } finally {
    await release()
  }
}

/** The one stage of a shard. Throws InputError for several, and for --force. */
function stageOfShard([stage, ...others]: readonly StageName[], { force }: { force: boolean }): StageName {
  if (stage === undefined || others.length > 0)
    throw new InputError('--shard', 'is for one stage', { expected: `${whichAre()} made in shards` })
  if (force)
    throw new InputError('--force', 'has no effect with --shard: a shard keeps what the others have made', {
      expected: `leave it out; to make the files of ${stage} anew, delete them first`,
    })
  return stage
}

/** A page that cannot be written is warned of, and the run goes on. */
function watchInBackground(run: RunFolder, log: Log): { stop(): Promise<void> } {
  const end = new AbortController()
  const onPage = (): void => log.info(`live report: ${fromHere(run.report)}`)
  const watching = watchRun(run.root, { signal: end.signal, onPage }).catch((error: unknown) =>
    log.warn(`live report: ${textOf(error)}`),
  )
  return {
    async stop() {
      end.abort()
      await watching
    },
  }
}

/** Absolute, so that the run can be resumed from anywhere. */
function pathOverrides({ data, weights }: { [K in 'data' | 'weights']: string | undefined }): Override[] {
  const of = (path: string[], value: string | undefined): Override[] =>
    value === undefined ? [] : [{ path, value, source: path.join('.') }]
  return [...of(['data', 'root'], data && resolve(data)), ...of(['weights'], weights && weightsPath(weights))]
}

/** Checks the numbers of threads before any work. Throws InputError. */
function checkAllThreads({ threads, data: { workers } }: Recipe): void {
  defaultThreads() // for TAGMASK_THREADS
  if (threads !== null) checkThreads(threads, { source: 'recipe', field: 'threads' })
  if (workers !== null) checkThreads(workers, { source: 'recipe', field: 'data.workers' })
}

/** The session in sessions.jsonl: what ran, on what. */
async function recordSession(run: RunFolder, stages: readonly StageName[]): Promise<void> {
  const session = {
    time: new Date().toISOString(),
    tagmask: packageVersion(),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    stages,
    command: process.argv.slice(2),
  }
  await appendFile(run.sessions, `${JSON.stringify(session)}\n`).catch((error: unknown) => {
    throw explainWriteError(run.sessions, error)
  })
}
