/** @file Stage `autoencoder`: from image-level labels to the autoencoder that guides the stage `train`, for methods that have one. */
import { onlyTagged } from '../../../data/dataset.ts'
import { STATES } from '../../../train/checkpoint-files.ts'
import { autoencoderOf } from '../../recipe/method.ts'
import { randomStart } from '../../run/random-weights.ts'
import type { StageDefinition } from '../../run/stage.ts'

export const autoencoder: StageDefinition = {
  name: 'autoencoder',
  product: 'the weights of autoencoder',
  command: {
    brief: 'Train the autoencoder of a recipe from image tags',
    description: `Writes autoencoder/ and autoencoder-metrics.jsonl into the run folder. Ctrl-C stops after the step, with a checkpoint; the
same command resumes. A recipe has this stage where its method has an autoencoder (semformer).

Examples:
  tagmask autoencoder semformer_deit-ti_voc-mini --data voc-mini --set autoencoder.weights=deit_tiny.safetensors
  tagmask autoencoder my.yaml --data images --set autoencoder.epochs=50`,
    flags: ['seed', 'device', 'precision', 'threads'],
  },
  has: recipe => recipe.maps.weights === null && autoencoderOf(recipe) !== undefined,
  before: () => ({}),
  sections: () => ['method', 'model', 'autoencoder', 'data', 'normalise', 'seed', 'precision'],
  notKeys: /^(model\.(?!classDim$)|autoencoder\.checkpoint$)/,
  images({ recipe, dataset, valDataset }) {
    const judged = (autoencoderOf(recipe)?.settings.validateEvery ?? 0) > 0
    return { base: [onlyTagged(dataset), ...(judged && valDataset !== undefined ? [valDataset] : [])] }
  },
  outputs: ({ autoencoderCheckpoints, autoencoderMetrics, autoencoderEvents }) => [
    { path: autoencoderCheckpoints, needed: true, aside: true, spent: STATES },
    { path: autoencoderMetrics, aside: true, passing: true },
    { path: autoencoderEvents, aside: true, passing: true },
  ],
  weights: { key: 'autoencoder.weights', flag: '--set autoencoder.weights=FILE', ofAnother: true },
  trainings(recipe) {
    const found = autoencoderOf(recipe)
    if (found === undefined) return []
    const { epochs, steps, batchSize, dropLast } = found.settings
    const [side, sideKey] = [found.encoder.imageSize, 'autoencoder.imageSize']
    return [{ section: 'autoencoder', epochs, steps, batchSize, dropLast, side, sideKey }]
  },
  randomStart(recipe) {
    const found = autoencoderOf(recipe)
    if (found === undefined || found.settings.weights !== null || recipe.data.layout === 'demo')
      return undefined
    const { name: size, key } = found.encoder
    return randomStart('the autoencoder', { size, key, flag: '--set autoencoder.weights=FILE' })
  },
  load: async () => (await import('./autoencoder.ts')).autoencoderStage,
}
