/** @file What a stage is given. Imports no torch; the stages in stages/ do. */
import type { Dataset } from '../data/dataset.ts'
import { TagmaskError } from '../errors.ts'
import type { Log } from '../train/log.ts'
import { walks } from './recipe/refine.ts'
import type { Recipe } from './recipe/schema.ts'
import type { RunFolder } from './run-folder.ts'

/** The stages in the order in which they run. */
export const STAGES = [
  'train',
  'maps',
  'evaluate',
  'affinity',
  'refine',
  'segment',
  'predict',
  'report',
] as const
export type StageName = (typeof STAGES)[number]

/** The stages whose files each stage reads. */
export const INPUTS: Readonly<Record<StageName, readonly StageName[]>> = {
  train: [],
  maps: ['train'],
  evaluate: ['maps'],
  affinity: ['maps'],
  refine: ['evaluate', 'affinity'],
  segment: ['train', 'refine'],
  predict: ['segment'],
  report: ['evaluate', 'refine', 'predict'],
}

/** When a recipe has a stage; those not named here are in every recipe. */
const WANTED: Partial<Record<StageName, (recipe: Recipe) => boolean>> = {
  train: ({ maps }) => maps.weights === null,
  affinity: ({ refine }) => walks(refine),
  refine: ({ refine, segment }) => refine.method !== 'none' || segment !== null,
  segment: ({ segment }) => segment !== null,
  predict: ({ segment }) => segment !== null,
}

/** The stages of a recipe, in order. */
export function stagesOf(recipe: Recipe): StageName[] {
  return STAGES.filter(stage => WANTED[stage]?.(recipe) ?? true)
}

/** The given stages and all that theirs rest on in this recipe, in order. */
export function withInputs(stages: readonly StageName[], recipe: Recipe): StageName[] {
  const needed = new Set(stages)
  for (const stage of needed) for (const input of INPUTS[stage]) needed.add(input)
  return stagesOf(recipe).filter(stage => needed.has(stage))
}

/** Everything a stage may use. What it finds in its own outputs was made from the same inputs: go on from there. */
export interface StageContext {
  readonly recipe: Recipe
  readonly dataset: Dataset
  /** Pictures of `data.valSplit`; undefined without one. */
  readonly valDataset: Dataset | undefined
  readonly run: RunFolder
  /** Aborted by Ctrl-C: finish the step, make the work safe, then throw an `Interrupted`. */
  readonly signal: AbortSignal
  readonly log: Log
}

/** What a stage could not make, though it is done. */
export interface StageOutcome {
  /** Ids of images that it could not use: a later run may try them again. */
  readonly lost: readonly string[]
}

/** One stage: reads and writes files of the run folder; returns when it is done. */
export type Stage = (context: StageContext) => Promise<void> | Promise<StageOutcome>

/** Thrown by a stage that stopped because its signal was aborted, after it made its work safe. */
export class Interrupted extends TagmaskError {
  override readonly name = 'Interrupted'

  /** `where`: how far it came, as in "epoch 3, step 120". */
  constructor(where: string) {
    super(`stopped at ${where}`)
  }
}
