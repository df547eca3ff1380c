/** @file The stages in the order in which they run. A further one is a folder and a line here. Imports no torch. */
import type { Recipe } from '../recipe/schema.ts'
import { hasStage, type StageDefinition, type StageName, type TrainingPlan } from '../run/stage.ts'
import { affinity } from './affinity/index.ts'
import { autoencoder } from './autoencoder/index.ts'
import { evaluate } from './evaluate/index.ts'
import { maps } from './maps/index.ts'
import { predict } from './predict/index.ts'
import { refine } from './refine/index.ts'
import { reportAfter } from './report/index.ts'
import { result } from './result/index.ts'
import { segment } from './segment/index.ts'
import { train } from './train/index.ts'

const REPORTED: readonly StageDefinition[] = [
  autoencoder,
  train,
  maps,
  evaluate,
  affinity,
  refine,
  segment,
  predict,
]

export const STAGES: readonly StageDefinition[] = [
  ...REPORTED,
  result,
  reportAfter(recipe => ({ base: REPORTED.filter(stage => hasStage(stage, recipe)) })),
]

/** The stages of a recipe, in order. */
export function stagesOf(recipe: Recipe): StageDefinition[] {
  return STAGES.filter(stage => hasStage(stage, recipe))
}

/** Their names. */
export function stageNames(recipe: Recipe): StageName[] {
  return stagesOf(recipe).map(({ name }) => name)
}

/** The given stages and all that they depend on in this recipe, in order. */
export function withStagesBefore(names: readonly StageName[], recipe: Recipe): StageDefinition[] {
  const own = stagesOf(recipe)
  const needed = new Set(own.filter(({ name }) => names.includes(name)))
  for (const stage of needed) {
    const { base = [], soft = [] } = stage.before(recipe)
    for (const one of [...base, ...soft]) needed.add(one)
  }
  return own.filter(stage => needed.has(stage))
}

/** The trainings of a recipe, in the order in which they run; the first of segmentation where it has batches of its own. */
export function trainingsOf(recipe: Recipe): TrainingPlan[] {
  return stagesOf(recipe).flatMap(stage => stage.trainings?.(recipe) ?? [])
}
