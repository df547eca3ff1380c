/** @file Class activation maps of a plain vision transformer as a method. Loads libtorch only to build the network. */

import { vitEncoder } from '../../models/encoder.ts'
import { vitMemory } from '../../models/encoder-memory.ts'
import { defineMethod } from '../definition.ts'
import { camMapsFields, camModelRecipe, checkCam } from './recipe.ts'
import { recogniseCam } from './recognise.ts'

export const cam = defineMethod({
  name: 'cam',
  model: camModelRecipe.prefault({}).describe('the network'),
  train: {},
  maps: camMapsFields,
  check: checkCam,
  words: ({ maps: { attention, layers, refine } }) => ({
    network: 'cam',
    maps: `${attention === 'fused' ? `fused, last ${layers} layers` : attention}${refine ? ', patch affinity' : ''}`,
  }),
  variants: () => [
    { name: 'cam', set: ['maps.attention=patchcam'] },
    { name: 'attention', set: ['maps.attention=fused'] },
  ],
  encoder: model => vitEncoder(model, { tokenPerClass: false }),
  mapsMemory({ model, maps }, { classes, ...look }) {
    const { vit } = vitEncoder(model, { tokenPerClass: false })
    const { bytes, tokens, patches } = vitMemory(vit, { ...look, classTokens: 1, read: false })
    const affinity = maps.refine ? tokens ** 2 + patches ** 2 : 0 // the mean over the heads, and its sum over the layers
    return bytes + 4 * look.batch * (affinity + 3 * classes * patches)
  },
  recognise: recogniseCam,
  async build({ model, maps }, { numClasses }) {
    const { buildCam } = await import('./index.ts')
    return buildCam({ model, numClasses, maps })
  },
})
