/** @file Stage `affinity`: from CAMs to a trained network of affinities. */
import { onlyTagged } from '../../../data/dataset.ts'
import { STATES } from '../../../train/checkpoint-files.ts'
import { walks } from '../../recipe/refine.ts'
import { randomBackbone } from '../../run/random-weights.ts'
import { hasStage, type StageDefinition } from '../../run/stage.ts'
import { maps } from '../maps/index.ts'
import { train } from '../train/index.ts'

export const affinity: StageDefinition = {
  name: 'affinity',
  product: 'the weights of affinity',
  command: {
    brief: 'Train the affinities of a run from its CAMs',
    description: `Writes affinity/ (labels, the CAMs twice through the dense CRF, and checkpoints) and affinity-metrics.jsonl. Ctrl-C stops
after the step, with a checkpoint; the same command resumes. Then: tagmask refine.
Needs the stages before it in the same run, and refine.method affinity in the recipe.

Examples:
  tagmask affinity runs/thirty
  tagmask affinity runs/voc --set affinity.backbone=resnet38 --set affinity.weights=res38_cls.pth --device cuda
  tagmask affinity runs/voc --set affinity.network=edge --set affinity.backbone=resnet50 --set affinity.weights=resnet50-19c8e357.pth`,
    flags: ['seed', 'device', 'precision', 'threads'],
  },
  has: ({ refine }) => walks(refine),
  before: () => ({ base: [maps] }),
  sections: recipe => (!hasStage(train, recipe) ? ['seed', 'precision', 'affinity'] : ['affinity']),
  images: ({ dataset }) => ({ base: [onlyTagged(dataset)] }),
  outputs: ({ affinityLabels, affinityCheckpoints, affinityMetrics, affinityEvents }) => [
    { path: affinityLabels, passing: true },
    { path: affinityCheckpoints, needed: true, aside: true, spent: STATES },
    { path: affinityMetrics, aside: true, passing: true },
    { path: affinityEvents, aside: true, passing: true },
  ],
  weights: {
    key: 'affinity.weights',
    flag: '--set affinity.weights=FILE',
    backbone: ({ affinity }) => affinity.backbone,
  },
  trainings: ({ affinity: { epochs, steps, batchSize, dropLast, cropSize } }) => [
    { section: 'affinity', epochs, steps, batchSize, dropLast, side: cropSize, sideKey: 'affinity.cropSize' },
  ],
  randomStart: ({ affinity }) => randomBackbone('affinity', affinity),
  load: async () => (await import('./affinity.ts')).affinityStage,
}
