/** @file Stage `segment`: from pseudo masks to a trained segmentation network. */
import { onlyTagged } from '../../../data/dataset.ts'
import { STATES } from '../../../train/checkpoint-files.ts'
import { firstTraining, firstTrainingKey } from '../../recipe/segment.ts'
import { randomBackbone } from '../../run/random-weights.ts'
import { hasStage, type StageDefinition } from '../../run/stage.ts'
import { refine } from '../refine/index.ts'
import { train } from '../train/index.ts'

export const segment: StageDefinition = {
  name: 'segment',
  product: 'the weights of segment',
  command: {
    brief: 'Train the segmentation network of a run from its pseudo masks',
    description: `Writes segment/ and segment-metrics.jsonl into the run folder. Images without a pseudo mask are named and left out.
Ctrl-C stops after the step, with a checkpoint; the same command resumes. Then: tagmask predict.
Needs the stages before it in the same run, and a section segment in the recipe.

Examples:
  tagmask segment runs/mctformer_demo
  tagmask segment runs/thirty --set segment.epochs=20 --resume-with-changes
  tagmask segment runs/voc --set segment.backbone=resnet38 --set segment.weights=res38_cls.pth --device cuda`,
    flags: ['seed', 'device', 'precision', 'threads'],
  },
  has: ({ segment }) => segment !== null,
  before: () => ({ base: [train, refine] }),
  sections: recipe => [
    'segment',
    ...(!hasStage(train, recipe) ? (['seed', 'precision'] as const) : []),
    // labels for a further round are made as predictions are
    ...(recipe.segment?.retrain == null ? [] : (['predict', 'memory'] as const)),
  ],
  notKeys: /^predict\.(scales|flip|trainSplit|crf(\..+)?)$/, // segment.retrain has its own
  images: ({ dataset }) => ({ base: [onlyTagged(dataset)] }),
  masks: ({ recipe: { segment }, scored }) => ({ soft: segment?.retrain == null ? [] : [scored] }),
  outputs: ({
    segmentCheckpoints,
    segmentMetrics,
    segmentRounds,
    roundScores,
    roundTable,
    segmentEvents,
  }) => [
    { path: segmentCheckpoints, needed: true, aside: true, spent: STATES },
    { path: segmentMetrics, aside: true, passing: true },
    { path: segmentEvents, aside: true, passing: true },
    { path: segmentRounds, aside: true, passing: true, spent: /\/checkpoints\/[^/]+$/ },
    { path: roundScores, passing: true },
    { path: roundTable, passing: true },
  ],
  weights: {
    key: 'segment.weights',
    flag: '--set segment.weights=FILE',
    backbone: ({ segment }) => segment!.backbone,
  },
  trainings({ segment }) {
    if (segment === null) return []
    const crop = { side: segment.cropSize, sideKey: 'segment.cropSize' }
    const plan = (section: string, { epochs, steps, batchSize, dropLast }: typeof segment) => [
      { section, epochs, steps, batchSize, dropLast, ...crop },
    ]
    const first = firstTrainingKey(segment, 'batchSize') !== 'segment.batchSize'
    return [
      ...(first ? plan('segment.retrain.first', firstTraining(segment)) : []),
      ...plan('segment', segment),
    ]
  },
  randomStart: ({ segment }) => (segment === null ? undefined : randomBackbone('segment', segment)),
  load: async () => (await import('./segment.ts')).segmentStage,
}
