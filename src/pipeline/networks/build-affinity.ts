/** @file The AffinityNet of a recipe, with initial or trained weights. */
import { adamw, type Optimiser, polySgdMomentum, sgd } from '../../optim/index.ts'
import { type AffinityNet, affinityGroups, affinityNet, SMALL } from '../../refine/affinity/index.ts'
import { checkpointFiles } from '../../train/checkpoint.ts'
import type { AffinityRecipe } from '../recipe/refine.ts'
import type { Recipe } from '../recipe/schema.ts'
import type { RunFolder } from '../run/run-folder.ts'
import { buildBackbone } from './build-backbone.ts'
import { loadTrained, prepareTorch } from './build-method.ts'

/** Builds it with random weights; the first stages of ResNet38 are frozen, as published. */
export function buildAffinity(recipe: Recipe, { numClasses }: { numClasses: number }): AffinityNet {
  const frozen = ['conv1a', 'b2', 'b2_1', 'b2_2'] as const
  const { backbone: name } = recipe.affinity
  const backbone = buildBackbone(name, recipe, { numClasses, frozen })
  return affinityNet(backbone, name === 'resnet38' ? {} : { reduced: SMALL })
}

/** The trained network of a run, in eval mode on the recipe's device. Throws InputError when its weights do not fit. */
export async function loadAffinity(
  recipe: Recipe,
  run: RunFolder,
  options: { numClasses: number },
): Promise<AffinityNet> {
  const device = prepareTorch(recipe)
  const network = buildAffinity(recipe, options)
  await loadTrained(network, checkpointFiles(run.affinityCheckpoints).last)
  return network.to(device).eval()
}

/** The recipe's optimiser; the head's learning rate is `headFactor` times the backbone's. */
export function affinityOptimiser(
  network: AffinityNet,
  { optimiser: settings, headFactor }: AffinityRecipe,
): Optimiser {
  const groups = affinityGroups(network, { weightDecay: settings.weightDecay, headScale: headFactor })
  return settings.kind === 'adamw' ? adamw(groups) : sgd(groups, { momentum: polySgdMomentum(settings) })
}
