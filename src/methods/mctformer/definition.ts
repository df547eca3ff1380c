/** @file MCTformer V1, V2 and MCTformer+ as a method. Loads libtorch only to build the network. */

import { vitEncoder } from '../../models/encoder.ts'
import { vitMemory } from '../../models/encoder-memory.ts'
import { defineMethod } from '../definition.ts'
import {
  checkMctformer,
  mctformerLossRecipe,
  mctformerMapsFields,
  mctformerModelRecipe,
  mctformerVariants,
} from './recipe.ts'
import { recogniseMctformer } from './recognise.ts'

const UNET = 2.5 // bytes a pixel and channel of its finest level, as measured

export const mctformer = defineMethod({
  name: 'mctformer',
  model: mctformerModelRecipe.prefault({}).describe('the network'),
  train: { losses: mctformerLossRecipe.prefault({}).describe('weights of the losses') },
  maps: mctformerMapsFields,
  check: checkMctformer,
  words: ({ model, maps }) => ({
    network: `mctformer ${model.variant}`,
    maps: `${maps.attention}, last ${maps.layers} layers${maps.refine ? ', patch affinity' : ''}`,
  }),
  variants: ({ model }) => mctformerVariants(model),
  encoder: model => vitEncoder(model, { tokenPerClass: true }),
  mapsMemory({ model }, { classes, ...look }) {
    const { vit } = vitEncoder(model, { tokenPerClass: true })
    const { bytes, tokens, patches } = vitMemory(vit, { ...look, classTokens: classes, read: false })
    const { batch, size } = look
    const affinity = 4 * batch * (tokens ** 2 + patches ** 2) // the mean over the heads, and its sum over the layers
    const unet = model.unet === null ? 0 : UNET * batch * model.unet.width * size.width * size.height
    return Math.max(bytes, unet) + affinity
  },
  recognise: recogniseMctformer,
  async build({ model, train: { losses }, maps }, { numClasses }) {
    const { buildMctformer } = await import('./index.ts')
    return buildMctformer({ model, numClasses, losses, maps })
  },
})
