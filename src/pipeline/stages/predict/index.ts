/** @file Stage `predict`: labels of untagged images, from the trained segmentation network, and their scores. */
import type { Dataset } from '../../../data/dataset.ts'
import { BLOCK } from '../../images/image-groups.ts'
import { methodOf } from '../../recipe/method.ts'
import type { Recipe } from '../../recipe/schema.ts'
import { hasStage, type StageDefinition, type StageSets } from '../../run/stage.ts'
import { evaluate } from '../evaluate/index.ts'
import { maps } from '../maps/index.ts'
import { segment } from '../segment/index.ts'
import { train } from '../train/index.ts'
import { predictionFile, waysOf } from './prediction-file.ts'

export const predict: StageDefinition = {
  name: 'predict',
  product: 'the predictions',
  has: recipe => recipe.segment !== null || methodOf(recipe).labels === true,
  before: recipe => ({ base: [labeller(recipe)], soft: [evaluate] }),
  sections: () => ['predict', 'memory'],
  images: sets => ({ base: predicted(sets), soft: [sets.scored] }),
  masks: sets => ({ soft: predicted(sets) }),
  soft: ({ report }) => ({ shown: String(report.images) }),
  outputs: ({ predictions, predictionScores, predictionTable }) => [
    { path: predictions },
    { path: predictionScores, needed: true },
    { path: predictionTable },
  ],
  filesOfImage: ({ split, id }, { run, recipe }) =>
    waysOf(recipe).map(way => predictionFile(run, { split, way, id })),
  shards: { block: BLOCK },
  table: ({ predictionTable }) => predictionTable,
  load: async () => (await import('./predict.ts')).predictStage,
}

/** The stage whose network labels images; with weights given for the CAMs, they count through the stage that loads them. */
function labeller(recipe: Recipe): StageDefinition {
  if (recipe.segment !== null) return segment
  return hasStage(train, recipe) ? train : maps
}

function predicted({ recipe, dataset, valDataset }: StageSets): Dataset[] {
  if (valDataset === undefined) return [dataset]
  return recipe.predict.trainSplit ? [valDataset, dataset] : [valDataset]
}
