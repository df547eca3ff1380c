/** @file CTI as a method. */
import { noDecay, vitSizes } from '../../models/vit/index.ts'
import { decayGroups } from '../../optim/index.ts'
import { loadClassTokenWeights } from '../class-token-weights.ts'
import type { Method } from '../method.ts'
import { type CtiCamOptions, ctiCamsOf } from './maps.ts'
import { ClassMemory } from './memory.ts'
import { Cti } from './model.ts'
import type { CtiModelRecipe } from './recipe.ts'
import { type CtiLossOptions, ctiLosses } from './step.ts'

export { Cti } from './model.ts'

export interface CtiSettings {
  readonly model: CtiModelRecipe
  readonly numClasses: number
  readonly infusion?: number
  readonly losses?: CtiLossOptions
  /** Of the tokens of other images: the mean of the last `length` of the class, or another image of the batch. */
  readonly cross?: { readonly tokens: 'memory' | 'images'; readonly length: number }
  readonly maps?: CtiCamOptions
}

/** Builds the network of a recipe with its losses and CAMs. */
export function buildCti({
  model: { width, ...rest },
  numClasses,
  infusion = 3,
  losses = {},
  cross = { tokens: 'memory', length: 30 },
  maps = {},
}: CtiSettings): Method {
  const sizes = vitSizes(width)
  const network = new Cti({ ...sizes, ...rest, numClasses })
  const remembers = cross.tokens === 'memory' && losses.cross !== 0
  let made: ClassMemory | undefined // a network for CAMs needs none
  const memory = (): ClassMemory | undefined => {
    if (remembers) made ??= new ClassMemory({ numClasses, length: cross.length, width: sizes.embedDim })
    return made
  }
  return {
    network,
    numClasses,
    get memory() {
      return memory()?.state
    },
    parameterGroups: options => decayGroups(network, { ...options, noDecay }),
    warnings: () => (made === undefined ? [] : neverFull(made)),
    losses: (batch, at) => ctiLosses(network, batch, { losses, infusion, memory: memory(), at }),
    logits: images => network.forward(images).patchLogits,
    imageCams: (images, options) => ctiCamsOf(network, images, options, maps),
    classTokens: images => network.classTokensOfBlocks(images).narrow(2, 1, numClasses),
    loadPretrained: (weights, options) => loadClassTokenWeights(network, weights, options),
  }
}

/** Without full lists of all classes the cross loss is 0, as in the original. */
function neverFull(memory: ClassMemory): string[] {
  const { classes, length, waiting } = memory
  if (waiting === 0) return []
  return [
    `the cross loss was never used: it needs ${length} tokens of each class (train.cross.length), and ${waiting} of ${classes} classes were seen less often; a longer training, a smaller length, or train.cross.tokens=images`,
  ]
}
