/** @file The network of the section `affinity`, with initial or trained weights. */
import { skipInit } from '../../nn/index.ts'
import { adamw, type Optimiser, polySgdMomentum, sgd } from '../../optim/index.ts'
import { checkpointFiles } from '../../train/checkpoint.ts'
import type { Recipe } from '../recipe/schema.ts'
import type { RunFolder } from '../run/run-folder.ts'
import { type AffinityLearner, edgeLearner, featureLearner } from './affinity-learner.ts'
import { loadTrained, prepareTorch } from './build-method.ts'

/** Builds it with random weights. */
export function buildAffinity(recipe: Recipe, options: { numClasses: number }): AffinityLearner {
  return recipe.affinity.network === 'edge' ? edgeLearner(recipe, options) : featureLearner(recipe, options)
}

/** The trained network of a run, in eval mode on the recipe's device. Throws InputError when its weights do not fit. */
export async function loadAffinity(
  recipe: Recipe,
  run: RunFolder,
  options: { numClasses: number },
): Promise<AffinityLearner> {
  const device = prepareTorch(recipe)
  const learner = skipInit(() => buildAffinity(recipe, options))
  await loadTrained(learner.network, checkpointFiles(run.affinityCheckpoints).last)
  learner.network.to(device).eval()
  return learner
}

/** The recipe's optimiser; the head's learning rate is `headFactor` times the backbone's. */
export function affinityOptimiser(
  { groups }: AffinityLearner,
  { affinity }: Pick<Recipe, 'affinity'>,
): Optimiser {
  const { optimiser: settings, headFactor: headScale } = affinity
  const parameters = groups({ weightDecay: settings.weightDecay, headScale })
  if (settings.kind === 'adamw') return adamw(parameters)
  return sgd(parameters, { momentum: polySgdMomentum(settings), nesterov: settings.nesterov })
}
