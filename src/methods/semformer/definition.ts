/** @file SemFormer as a method (Chen et al., 2022: Semantic Guided Activation Transformer). Loads libtorch only to build networks. */
import { vitEncoder } from '../../models/encoder.ts'
import { vitMemory } from '../../models/encoder-memory.ts'
import { vitSizes } from '../../models/vit/widths.ts'
import { defineMethod } from '../definition.ts'
import {
  autoencoderRecipe,
  checkSemformer,
  SEMFORMER_VARIANTS,
  type SemformerModelRecipe,
  semformerMapsFields,
  semformerModelRecipe,
  semformerTrainFields,
} from './recipe.ts'
import { recogniseSemformer } from './recognise.ts'

/** For later stages, which take one class token, the mean of all. */
function encoderOf(model: SemformerModelRecipe) {
  return vitEncoder({ ...model, dropPath: 0 }, { tokenPerClass: false })
}

export const semformer = defineMethod({
  name: 'semformer',
  model: semformerModelRecipe.prefault({}).describe('the segmentation network, which makes the CAMs'),
  train: semformerTrainFields,
  maps: semformerMapsFields,
  further: {
    autoencoder: autoencoderRecipe
      .prefault({})
      .describe('the class-aware autoencoder, which is trained first and guides the training of the network'),
  },
  autoencoder: {
    encoder: ({ autoencoder }) =>
      vitEncoder({ ...autoencoder, dropPath: 0 }, { tokenPerClass: false, key: 'autoencoder.width' }),
    async build({ model: { classDim }, autoencoder }, { numClasses }) {
      const { buildAutoencoder } = await import('./autoencoder.ts')
      return buildAutoencoder(autoencoder, { numClasses, classDim })
    },
  },
  check: checkSemformer,
  words: ({ maps: { cra, craLayers, merge } }) => ({
    network: 'semformer',
    maps: `${cra ? `${cra === 'alone' ? '' : 'times '}the class-relative attention of the last ${craLayers} layers` : 'the classifier alone'}, ${merge}`,
  }),
  /** Two images for each class pass the frozen autoencoder, forward and back to their pixels alone. */
  furtherPasses({ model, autoencoder, train: { losses } }, { tags }) {
    if (losses.foreground === 0 && losses.background === 0) return 0
    const size = (width: typeof model.width, patch: number): number => {
      const { embedDim, depth } = vitSizes(width)
      return (embedDim ** 2 * depth) / patch ** 2
    }
    const ratio = size(autoencoder.width, autoencoder.patchSize) / size(model.width, model.patchSize)
    return (2 / 3) * 2 * tags * ratio
  },
  variants: () => SEMFORMER_VARIANTS,
  recognise: recogniseSemformer,
  camViews: ({ model }) => ({ unit: model.patchSize, rounding: 'up' }),
  encoder: encoderOf,
  mapsMemory({ model }, { classes, ...look }) {
    const { vit } = encoderOf(model)
    const { bytes, patches } = vitMemory(vit, { ...look, classTokens: 1 + classes, read: false })
    return bytes + 8 * look.batch * (1 + classes) * patches // the attention summed, and the maps
  },
  async build({ model, train, maps }, { numClasses, autoencoder }) {
    const { buildSemformer } = await import('./index.ts')
    const { cra: relevance, craLayers: layers, merge, activation } = maps
    return buildSemformer({
      model,
      numClasses,
      losses: { ...train.losses, chunk: train.pairsAtOnce },
      rateFactors: train.rateFactors,
      maps: { relevance, layers, merge, activation: activation === 'paper' ? 'sigmoid' : 'relu' },
      autoencoder,
    })
  },
})
