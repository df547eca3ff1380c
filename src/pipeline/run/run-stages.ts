/** @file Runs the stages of a recipe in order: skips finished ones, resumes begun ones, reruns changed ones. */
import type { Dataset } from '../../data/dataset.ts'
import { sample } from '../../data/listing.ts'
import { InputError } from '../../errors.ts'
import type { Log } from '../../train/log.ts'
import type { Processes } from '../../train/parallel/processes.ts'
import { type Shard, shardText } from '../images/shard.ts'
import type { Recipe } from '../recipe/schema.ts'
import { stageNames, withStagesBefore } from '../stages/list.ts'
import { openFileContents } from './file-contents.ts'
import { openScoredSplit } from './open-data.ts'
import { fromHere, type RunFolder, runFolder } from './run-folder.ts'
import { Interrupted, type Stage, type StageContext, type StageDefinition, type StageName } from './stage.ts'
import { filesOf, type InputSources } from './stage-inputs.ts'
import { readMarker, type StageMarker } from './stage-marker.ts'
import { type StageState, stageState } from './stage-state.ts'
import { takeFrom, workOn } from './stage-work.ts'
import { weightFiles } from './weight-files.ts'

export interface RunStagesOptions {
  readonly recipe: Recipe
  readonly run: RunFolder
  readonly dataset: Dataset
  readonly valDataset?: Dataset | undefined
  /** The requested stages; those whose files they read must be done. */
  readonly stages?: readonly StageName[]
  /** Loads the work of a stage. */
  readonly load?: (stage: StageDefinition) => Promise<Stage>
  readonly signal: AbortSignal
  readonly log: Log
  /** Rerun finished stages from the start. */
  readonly force?: boolean
  /** Other run folders, whose stages are reused where their inputs are the same. */
  readonly siblings?: readonly string[]
  /** Take part in the trainings. */
  readonly processes?: Processes | undefined
}

/** Runs the requested stages and returns those that had work to do. Throws InputError when a stage before them is
 * not done, or one has written nothing, and Interrupted after an abort; every file stays whole. */
export async function runStages({
  recipe,
  run,
  dataset,
  valDataset,
  stages = stageNames(recipe),
  load = stage => stage.load(),
  signal,
  log,
  force = false,
  siblings = [],
  processes,
}: RunStagesOptions): Promise<StageName[]> {
  refuseAbsent(run, recipe, stages)
  const made = new Map<StageName, StageMarker>()
  const context: StageContext = { recipe, dataset, valDataset, run, signal, log, processes }
  const sources = await openSources(context, { stages, made })
  const worked: StageName[] = []
  for (const stage of withStagesBefore(stages, recipe)) {
    const { name } = stage
    const state = await stageState(run, stage, sources)
    const { todo, marker } = state
    if (!stages.includes(name)) {
      if (todo !== 'done') throw notDone(run, name, state)
    } else if (todo === 'done' && !force) {
      sayDone(name, state, log)
      log.stage({ stage: name, state: 'skipped' })
    } else {
      if (signal.aborted) throw new Interrupted(`the start of the stage ${name}`)
      const mended = todo === 'resume' && marker?.state === 'done'
      const twin = force || mended ? undefined : await doneElsewhere(siblings, stage, sources)
      if (twin !== undefined) {
        await takeFrom(twin, stage, context)
        log.stage({ stage: name, state: 'reused' })
      } else {
        await sayingTime(name, { log }, async () =>
          workOn(stage, { state, context, sources, work: await load(stage), force }),
        )
        worked.push(name)
      }
    }
    const done = await readMarker(run, name)
    if (done !== undefined) made.set(name, done)
  }
  return worked
}

/**
 * The stages among the requested ones that have work to do; a stage whose inputs a stage before it will make anew counts. Changes
 * nothing, but may note hashes of files in an existing run folder.
 */
export async function stagesToDo({
  recipe,
  run,
  dataset,
  valDataset,
  stages = stageNames(recipe),
  signal,
  log,
  force = false,
}: RunStagesOptions): Promise<ReadonlySet<StageName>> {
  const markers = await Promise.all(stages.map(name => readMarker(run, name)))
  if (force || markers.every(marker => marker === undefined)) return new Set(stages)
  const made = new Map<StageName, StageMarker>()
  const context: StageContext = { recipe, dataset, valDataset, run, signal, log }
  const sources = await openSources(context, { stages, made })
  const toDo = new Set<StageName>()
  for (const stage of withStagesBefore(stages, recipe)) {
    const { todo, marker } = await stageState(run, stage, sources)
    if (todo === 'done' && marker !== undefined) made.set(stage.name, marker)
    else toDo.add(stage.name)
  }
  return toDo
}

/** Says when the stage begins, or a shard of it, and how long it took. */
export async function sayingTime(
  stage: StageName,
  { log, shard }: { log: Log; shard?: Shard },
  work: () => Promise<void>,
): Promise<void> {
  const part = shard && { shard: shardText(shard) }
  const began = performance.now()
  const seconds = (): number => Math.round(performance.now() - began) / 1000
  log.stage({ stage, state: 'begins', ...part })
  try {
    await work()
  } catch (error) {
    log.stage({ stage, state: 'stopped', seconds: seconds(), ...part })
    throw error
  }
  log.stage({ stage, state: 'done', seconds: seconds(), ...part })
}

/** The inputs of all stages; the files that the requested ones depend on are hashed. `keep`: note the hashes in the run folder. */
export async function openSources(
  { recipe, dataset, valDataset, run, log }: StageContext,
  { stages, made, keep = true }: { stages: readonly StageName[]; made: InputSources['made']; keep?: boolean },
): Promise<InputSources> {
  const scored = await openScoredSplit({ recipe, dataset })
  const contents = await openFileContents(run.contents, { keep })
  const sets = { recipe, dataset, valDataset, scored }
  const weights = (await weightFiles(recipe)).map(({ file }) => file)
  await contents.read([...weights, ...filesOf(withStagesBefore(stages, recipe), sets)], { log })
  return { ...sets, contents, made }
}

/** Throws InputError for a stage that the recipe does not have. */
export function refuseAbsent(run: RunFolder, recipe: Recipe, stages: readonly StageName[]): void {
  const absent = stages.find(name => !stageNames(recipe).includes(name))
  if (absent === undefined) return
  throw new InputError(run.recipe, `this recipe has no stage ${absent}`, {
    field: absent,
    expected: `it has ${stageNames(recipe).join(', ')}`,
  })
}

export function sayDone(stage: StageName, { repaired }: StageState, log: Log): void {
  log.info(`${stage}: done before, skipped (--force reruns it)`)
  if (repaired.length > 0)
    log.info(
      `${stage}: was run without ${sample(repaired)}, which can be read now; it stays (--force reruns it)`,
    )
}

/** The first run that has finished the stage on the same inputs and has all its files. */
async function doneElsewhere(
  siblings: readonly string[],
  stage: StageDefinition,
  sources: InputSources,
): Promise<RunFolder | undefined> {
  if (stage.outputs(runFolder('.')).some(({ theirs }) => theirs)) return undefined // people may have changed them
  for (const run of siblings.map(runFolder))
    if ((await stageState(run, stage, sources)).todo === 'done') return run
  return undefined
}

/** The error where a stage that must be done is not. */
export function notDone(run: RunFolder, stage: StageName, { marker, todo, why }: StageState): InputError {
  const began = marker !== undefined && marker.state !== 'done'
  const problem =
    why === undefined || began
      ? 'is not done'
      : `must be ${todo === 'resume' ? 'resumed' : 'rerun'}, since ${why}`
  return new InputError(run.root, `the stage ${stage} ${problem}`, {
    expected: `run it first: tagmask ${stage} ${fromHere(run.root)}`,
  })
}
