/** @file Stage `evaluate`: scores of the CAMs at every threshold, and their masks at the best one. */
import { methodOf } from '../../recipe/method.ts'
import type { Recipe } from '../../recipe/schema.ts'
import type { StageDefinition } from '../../run/stage.ts'
import { maps } from '../maps/index.ts'

export const evaluate: StageDefinition = {
  name: 'evaluate',
  product: 'the masks and scores of evaluate',
  command: {
    brief: 'Score the CAMs of a run against masks',
    description: `Tries every background threshold in one pass; writes scores.json and scores.txt, and masks/ at the best one.
Needs the stage maps of the same run, and masks in the data set.

Examples:
  tagmask evaluate runs/thirty
  tagmask evaluate runs/thirty --set evaluate.split=val --resume-with-changes`,
    flags: [],
  },
  before: () => ({ base: [maps] }),
  sections: () => ['evaluate'],
  masks: ({ recipe, scored }) => (choosesByMasks(recipe) ? { base: [scored] } : { soft: [scored] }),
  outputs: ({ scores, scoresTable, imageScores, masks }) => [
    { path: scores, needed: true },
    { path: scoresTable },
    { path: imageScores },
    { path: masks },
  ],
  table: ({ scoresTable }) => scoresTable,
  load: async () => (await import('./evaluate.ts')).evaluateStage,
}

/** Whether the threshold is the best of a sweep. */
function choosesByMasks(recipe: Recipe): boolean {
  return recipe.evaluate.threshold === null && methodOf(recipe).threshold?.(recipe) === undefined
}
