/** @file AFA as a method (Ru et al., CVPR 2022: Learning Affinity from Attention). Loads libtorch only to build the network. */
import { defineMethod } from '../definition.ts'
import { afaMemory } from './memory.ts'
import {
  AFA_VARIANTS,
  afaEncoderShape,
  afaMapsFields,
  afaModelRecipe,
  afaTrainFields,
  checkAfa,
  checkAfaLength,
} from './recipe.ts'
import { recogniseAfa } from './recognise.ts'

export const afa = defineMethod({
  name: 'afa',
  model: afaModelRecipe.prefault({}).describe('the network'),
  train: afaTrainFields,
  maps: afaMapsFields,
  check: checkAfa,
  checkLength: checkAfaLength,
  words: ({ maps: { spread } }) => ({
    network: 'afa',
    maps: spread ? 'spread along the learned affinity' : 'the classifier on every place',
  }),
  variants: () => AFA_VARIANTS,
  /** The labels of a step: CAMs of the crop at each scale, forward alone. */
  furtherPasses({ train: { labels } }) {
    const area = labels.scales.reduce(
      (sum, scale) => sum + (scale === 1 ? 0 : scale ** 2),
      labels.flip ? 0.5 : 0,
    )
    return (area * (labels.flip ? 2 : 1)) / 3
  },
  camViews: () => ({ scales: [1] }), // it resizes the image itself, as published
  encoder: afaEncoderShape,
  mapsMemory: ({ model }, look) => afaMemory(model, look, { head: false }),
  labels: true,
  recognise: recogniseAfa,
  async build({ model, train, maps, normalise }, { numClasses }) {
    const { buildAfa } = await import('./index.ts')
    const { losses, labels, headFactor, norms, syncBatchNorm } = train
    const groups = { headFactor, norms }
    return buildAfa({ model, numClasses, losses, labels, maps, normalise, groups, syncBatchNorm })
  },
})
