/** @file The trainings of a recipe, in the order in which they run. Imports no torch. */
import type { Recipe } from '../recipe/schema.ts'
import type { TrainingPlan } from '../run/stage.ts'
import { stagesOf } from '../stages/list.ts'

/** The first of segmentation counts where it has batches of its own. */
export function trainingsOf(recipe: Recipe): TrainingPlan[] {
  return stagesOf(recipe).flatMap(stage => stage.trainings?.(recipe) ?? [])
}
