/** @file WeakTr's CAM network as a method. Loads libtorch only to build the network. */

import { vitEncoder } from '../../models/encoder.ts'
import { vitMemory } from '../../models/encoder-memory.ts'
import { defineMethod } from '../definition.ts'
import { checkGeneration, GENERATION_KEY } from './generation.ts'
import { checkWeaktr, weaktrMapsFields, weaktrModelRecipe, weaktrVariants } from './recipe.ts'
import { recogniseWeaktr } from './recognise.ts'

export const weaktr = defineMethod({
  name: 'weaktr',
  model: weaktrModelRecipe.prefault({}).describe('the network'),
  train: {},
  maps: weaktrMapsFields,
  check: checkWeaktr,
  words({ model: { fusion }, maps }) {
    const fused = fusion.kind === 'aaf' ? `AAF ${fusion.generation} (${fusion.pool})` : fusion.kind
    return {
      network: `weaktr, ${fused}`,
      maps: `${maps.attention}, all layers${maps.refine ? ', patch affinity' : ''}`,
    }
  },
  variants: ({ model }) => weaktrVariants(model),
  encoder: model => vitEncoder(model, { tokenPerClass: true }),
  mapsMemory({ model, maps }, { classes, ...look }) {
    const { vit } = vitEncoder(model, { tokenPerClass: true })
    const { bytes, tokens, patches } = vitMemory(vit, { ...look, classTokens: classes, read: true })
    const projections = maps.refine ? 2 * tokens * vit.embedDim : 0 // queries and keys of a layer
    return bytes + 4 * look.batch * vit.depth * (projections + vit.heads * classes * patches)
  },
  recognise: recogniseWeaktr,
  checkFile({ model: { fusion } }, { isChosen, ...file }) {
    if (fusion.kind === 'aaf') checkGeneration(file, { generation: fusion.generation, isChosen })
  },
  metadata: ({ model: { fusion } }) => (fusion.kind === 'aaf' ? { [GENERATION_KEY]: fusion.generation } : {}),
  async build({ model, maps }, { numClasses }) {
    const { buildWeaktr } = await import('./index.ts')
    return buildWeaktr({ model, numClasses, maps })
  },
})
