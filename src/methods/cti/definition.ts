/** @file CTI as a method (Yoon et al., CVPR 2024: Class Tokens Infusion). Loads no libtorch. */
import { vitEncoder } from '../../models/encoder.ts'
import { vitMemory } from '../../models/encoder-memory.ts'
import { vitSizes } from '../../models/vit/widths.ts'
import { defineMethod } from '../definition.ts'
import {
  checkCti,
  ctiMapsFields,
  ctiModelRecipe,
  ctiNamedVariants,
  ctiTrainFields,
  ctiVariants,
} from './recipe.ts'
import { recogniseCti } from './recognise.ts'

export const cti = defineMethod({
  name: 'cti',
  model: ctiModelRecipe.prefault({}).describe('the network'),
  train: ctiTrainFields,
  maps: ctiMapsFields,
  check: checkCti,
  words: ({ train: { infusion }, maps }) => ({
    network: `cti, infusion after block ${infusion}`,
    maps: `${maps.attention}, all layers${maps.refine ? ', patch affinity' : ''}${maps.background === 'token' ? ', over the background token' : ''}`,
  }),
  variants: ctiVariants,
  namedVariants: ctiNamedVariants,
  /** The second view alone has RandAugment, as published. */
  views({ train: { augment } }) {
    const first = augment.kind === 'padded-crop' ? augment : { ...augment, randAugment: false as const }
    return [first, augment]
  },
  /** Infused passes begin after the block of infusion; the background loss reads and refines the maps of each layer. */
  furtherPasses({ model, train: { infusion, losses } }) {
    const rest = 1 - (infusion + 1) / vitSizes(model.width).depth
    const infused = (losses.intra > 0 ? 1 : 0) + (losses.cross > 0 ? 1 : 0)
    return infused * rest + (losses.background > 0 ? 1 : 0)
  },
  alone: ({ train: { losses } }) =>
    losses.cross === 0
      ? undefined
      : {
          why: 'its cross loss takes tokens from other images of the batch',
          remedy: 'use one process, or set train.losses.cross=0',
        },
  threshold: ({ maps }) => (maps.background === 'token' ? 0.5 : undefined),
  encoder: model => vitEncoder(model, { tokenPerClass: false }),
  mapsMemory({ model }, { classes, ...look }) {
    const { vit } = vitEncoder(model, { tokenPerClass: false })
    const { bytes, tokens, patches } = vitMemory(vit, { ...look, classTokens: classes + 1, read: false })
    return bytes + 4 * look.batch * (tokens ** 2 + 2 * patches ** 2) // the mean over the heads, its sums over the layers
  },
  recognise: recogniseCti,
  async build({ model, train: { infusion, losses, cross }, maps }, { numClasses }) {
    const { buildCti } = await import('./index.ts')
    return buildCti({ model, numClasses, infusion, losses, cross, maps })
  },
})
