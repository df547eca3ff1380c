/** @file Runs the stages of a recipe in order: skips what is done, takes up what was begun, redoes what has changed. */
import { mkdir, rename, rm, rmdir, stat } from 'node:fs/promises'
import { relative } from 'node:path'
import type { Dataset } from '../data/dataset.ts'
import { InputError } from '../errors.ts'
import { packageVersion } from '../io/package-root.ts'
import type { Log } from '../train/log.ts'
import type { Recipe } from './recipe/schema.ts'
import { fromHere, type RunFolder, runFolder } from './run-folder.ts'
import { Interrupted, type Stage, type StageName, stagesOf, withInputs } from './stage.ts'
import { readMarker, type StageMarker, stageInputs, writeMarker } from './stage-marker.ts'
import { takeOver } from './take-stage.ts'

/** The functions behind the stage names, loaded when needed. */
export type StageTable = Readonly<Record<StageName, () => Promise<Stage>>>

export interface RunStagesOptions {
  readonly recipe: Recipe
  readonly run: RunFolder
  readonly dataset: Dataset
  readonly valDataset?: Dataset | undefined
  /** Which stages; those whose files they read must be done. */
  readonly stages?: readonly StageName[]
  readonly table: StageTable
  readonly signal: AbortSignal
  readonly log: Log
  /** Run the stages again from the start although they are done. */
  readonly force?: boolean
  /** Other run folders; a stage that one of them has done from the same inputs is taken from there. */
  readonly siblings?: readonly string[]
}

interface Outputs {
  readonly keys: readonly (keyof RunFolder)[]
  /** Those of them that took hours to make. */
  readonly keep?: readonly (keyof RunFolder)[]
}

/** Outputs of each stage, cleared when it starts afresh; those to keep are set aside instead. */
const OUTPUTS: Record<StageName, Outputs> = {
  train: { keys: ['checkpoints', 'metrics', 'environment'], keep: ['checkpoints', 'metrics', 'environment'] },
  maps: { keys: ['maps', 'headWeights'] },
  evaluate: { keys: ['scores', 'scoresTable', 'pictureScores', 'masks'] },
  affinity: {
    keys: ['affinityLabels', 'affinityCheckpoints', 'affinityMetrics'],
    keep: ['affinityCheckpoints', 'affinityMetrics'],
  },
  refine: { keys: ['refined', 'pseudoMasks', 'sureMasks', 'refineScores', 'refineTable'] },
  segment: {
    keys: ['segmentCheckpoints', 'segmentMetrics', 'segmentRounds', 'roundScores', 'roundTable'],
    keep: ['segmentCheckpoints', 'segmentMetrics'],
  },
  predict: { keys: ['predictions', 'predictionScores', 'predictionTable'] },
  report: { keys: ['report', 'pictures'] },
}

/** Runs the stages asked for and returns those that had work to do. Throws InputError when a stage before them is
 * not done, and Interrupted after an abort; both leave every file whole. */
export async function runStages({
  recipe,
  run,
  dataset,
  valDataset,
  stages = stagesOf(recipe),
  table,
  signal,
  log,
  force = false,
  siblings = [],
}: RunStagesOptions): Promise<StageName[]> {
  const inputs = await stageInputs(recipe, [dataset, valDataset])
  const worked: StageName[] = []
  const absent = stages.find(stage => !stagesOf(recipe).includes(stage))
  if (absent !== undefined) {
    throw new InputError(run.recipe, `this recipe has no stage ${absent}`, {
      field: absent,
      expected: `it has ${stagesOf(recipe).join(', ')}`,
    })
  }
  for (const stage of withInputs(stages, recipe)) {
    const marker = await readMarker(run, stage)
    const done = marker?.state === 'done' && marker.inputs === inputs[stage]
    if (!stages.includes(stage)) {
      if (done) continue
      throw notDone(run, stage, { changed: marker?.state === 'done' })
    }
    if (done && !force) {
      log.info(`${stage}: done before, skipped (--force runs it again)`)
      continue
    }
    if (signal.aborted) throw new Interrupted(`the start of the stage ${stage}`)
    const twin = force ? undefined : await doneElsewhere(siblings, stage, inputs[stage])
    const resumed = marker?.state === 'running' && marker.inputs === inputs[stage] && !force
    if (!resumed || twin !== undefined) await clearOutputs(run, stage, log)
    if (twin !== undefined) {
      for (const key of OUTPUTS[stage].keys) await takeOver(twin.run[key], run[key])
      await writeMarker(run, { ...twin.marker, takenFrom: relative(run.root, twin.run.root) })
      log.info(`${stage}: taken from ${fromHere(twin.run.root)}, which made it from the same inputs`)
      continue
    }
    const started = resumed ? marker.started : new Date().toISOString()
    const common = { stage, inputs: inputs[stage], version: packageVersion(), started }
    await writeMarker(run, { ...common, state: 'running', finished: null })
    const work = await table[stage]()
    await work({ recipe, dataset, valDataset, run, signal, log })
    await writeMarker(run, { ...common, state: 'done', finished: new Date().toISOString() })
    worked.push(stage)
  }
  return worked
}

/** The first run that has done the stage from the same inputs. */
async function doneElsewhere(
  siblings: readonly string[],
  stage: StageName,
  inputs: string,
): Promise<{ run: RunFolder; marker: StageMarker } | undefined> {
  for (const run of siblings.map(runFolder)) {
    const marker = await readMarker(run, stage)
    if (marker?.state === 'done' && marker.inputs === inputs) return { run, marker }
  }
  return undefined
}

function notDone(run: RunFolder, stage: StageName, { changed }: { changed: boolean }): InputError {
  return new InputError(
    run.root,
    `the stage ${stage} ${changed ? 'was done with other settings or pictures' : 'is not done'}`,
    {
      expected: `run it first: tagmask ${stage} ${fromHere(run.root)}`,
    },
  )
}

async function clearOutputs(run: RunFolder, stage: StageName, log: Log): Promise<void> {
  const { keys, keep = [] } = OUTPUTS[stage]
  for (const key of keys) {
    const path = run[key]
    const found = await stat(path).catch(() => undefined)
    if (found === undefined) continue
    if (keep.includes(key)) await setAside(path, log)
    else await rm(path, { recursive: true })
    if (found.isDirectory()) await mkdir(path, { recursive: true })
  }
}

/** Renames to the first free name "PATH.old-N"; an empty folder is just left. */
async function setAside(path: string, log: Log): Promise<void> {
  if (await removeEmpty(path)) return
  for (let n = 1; ; n++) {
    const old = `${path}.old-${n}`
    if ((await stat(old).catch(() => undefined)) !== undefined) continue
    await rename(path, old)
    log.info(`kept what was there as ${fromHere(old)}`)
    return
  }
}

/** Removes an empty folder; false when there is something to keep. */
async function removeEmpty(path: string): Promise<boolean> {
  return rmdir(path).then(
    () => true,
    () => false,
  )
}
