/** @file WeakTr's CAM network as a method. Loads libtorch only to build the network. */
import { vitEncoder, vitSizes } from '../../models/vit/widths.ts'
import { defineMethod } from '../definition.ts'
import { checkWeaktr, weaktrMapsFields, weaktrModelRecipe, weaktrVariants } from './recipe.ts'

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
  mapsMemory({ model, maps }, { batch, tokens, patches, classes }) {
    const { depth, heads, embedDim } = vitSizes(model.width)
    const projections = maps.refine ? 2 * tokens * embedDim : 0 // queries and keys of a layer
    return { beside: 4 * batch * depth * (projections + heads * classes * patches) }
  },
  async build({ model, maps }, { numClasses }) {
    const { buildWeaktr } = await import('./index.ts')
    return buildWeaktr({ model, numClasses, maps })
  },
})
