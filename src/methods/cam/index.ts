/** @file CAM as a method: its loss, and its use of DeiT's published weights. */
import { loadAdapted } from '../../models/adapted-weights.ts'
import { adaptVisionTransformer, noDecay, vitSizes } from '../../models/vit/index.ts'
import { multilabelSoftMargin } from '../../nn/index.ts'
import { decayGroups } from '../../optim/index.ts'
import { scope } from '../../torch/index.ts'
import type { Method } from '../method.ts'
import { multiScaleCamsOf } from '../multi-scale.ts'
import { type ClassifierCamOptions, classifierCams } from './maps.ts'
import { Cam } from './model.ts'
import type { CamModelRecipe } from './recipe.ts'

export interface CamSettings {
  readonly model: CamModelRecipe
  readonly numClasses: number
  readonly maps?: ClassifierCamOptions
}

/** Builds the network of a recipe with its loss and CAMs. */
export function buildCam({ model, numClasses, maps = {} }: CamSettings): Method {
  const { width, ...rest } = model
  const network = new Cam({ ...vitSizes(width), ...rest, numClasses })
  return {
    network,
    numClasses,
    parameterGroups: options => decayGroups(network, { ...options, noDecay }),
    losses({ images, targets }) {
      const total = multilabelSoftMargin(network.logits(images), targets)
      return { total, parts: { 'class loss': total } }
    },
    logits: images => network.logits(images),
    imageCams: (images, options) =>
      multiScaleCamsOf(views => classifierCams(network, views, maps), images, options),
    loadPretrained: (given, { file }) =>
      scope(() => {
        const { weights, folded } = adaptVisionTransformer(network, given, { file })
        if (weights.get('head.weight')?.shape.join() !== network.head.weight.shape.join())
          for (const name of ['head.weight', 'head.bias']) weights.delete(name) // of other classes
        const expected = 'weights of the same model.width and model.patchSize'
        return loadAdapted(network, { weights, folded }, { file, expected })
      }),
  }
}
