/** @file Stage `train`: from image-level labels to the weights of the recipe's method. */
import { onlyTagged } from '../../../data/dataset.ts'
import { STATES } from '../../../train/checkpoint-files.ts'
import { autoencoderOf, encoderOf, viewsOf } from '../../recipe/method.ts'
import { randomStart } from '../../run/random-weights.ts'
import type { StageDefinition } from '../../run/stage.ts'
import { autoencoder } from '../autoencoder/index.ts'

export const train: StageDefinition = {
  name: 'train',
  product: 'the weights of train',
  command: {
    brief: 'Train the network of a recipe from image tags',
    description: `Writes checkpoints/ and metrics.jsonl into the run folder. Ctrl-C stops after the step, with a checkpoint; the same
command resumes and ends with the same weights as an uninterrupted run.

Examples:
  tagmask train mctformer-v2_deit-ti_voc-mini --data voc-mini --weights deit_tiny.safetensors
  tagmask train my.yaml --data photos --device cuda --precision bf16 --seed 1 --name seed1`,
    flags: ['weights', 'select', 'seed', 'device', 'precision', 'threads'],
  },
  has: ({ maps }) => maps.weights === null,
  before: () => ({ base: [autoencoder] }),
  sections: recipe => [
    ...(['method', 'model', 'data', 'normalise', 'train', 'seed', 'precision'] as const),
    ...(autoencoderOf(recipe) === undefined ? [] : (['autoencoder'] as const)), // which of its weights guide
    ...(recipe.train.select === 'gt-miou' ? (['maps', 'evaluate', 'memory'] as const) : []),
  ],
  // weights are chosen by CAMs at scale 1, scored at every threshold
  notKeys: /^(maps\.(checkpoint|weights|scales|storage)|evaluate\.(threshold|sweep\..+))$/,
  images({ recipe: { train }, dataset, valDataset, scored }) {
    const judged = train.validateEvery > 0
    const val = judged && valDataset !== undefined ? [valDataset] : []
    const chosen = judged && train.select === 'gt-miou' ? [scored] : []
    return { base: [onlyTagged(dataset), ...val, ...chosen] }
  },
  masks: ({ recipe: { train }, scored }) => ({
    base: train.validateEvery > 0 && train.select === 'gt-miou' ? [scored] : [],
  }),
  outputs: ({ checkpoints, metrics, environment, events, live }) => [
    { path: checkpoints, needed: true, aside: true, spent: STATES },
    { path: metrics, aside: true, passing: true },
    { path: events, aside: true, passing: true },
    { path: live, passing: true },
    { path: environment, aside: true, passing: true },
  ],
  weights: { key: 'weights', flag: '--weights' },
  trainings: recipe => [
    {
      section: 'train',
      epochs: recipe.train.epochs,
      steps: recipe.train.steps,
      batchSize: recipe.train.batchSize,
      dropLast: recipe.train.dropLast,
      side: encoderOf(recipe).imageSize,
      sideKey: 'model.imageSize',
      views: viewsOf(recipe).length,
    },
  ],
  randomStart(recipe) {
    if (recipe.weights !== null || recipe.data.layout === 'demo') return undefined
    const { name: size, key } = encoderOf(recipe)
    return randomStart('the classification network', { size, key, flag: '--weights FILE' })
  },
  load: async () => (await import('./train.ts')).trainStage,
}
