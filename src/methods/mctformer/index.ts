/** @file MCTformer as a method: V1, V2 and MCTformer+. */
import { noDecay, vitSizes } from '../../models/vit/index.ts'
import type { Losses } from '../../nn/index.ts'
import { decayGroups } from '../../optim/index.ts'
import type { Tensor } from '../../torch/index.ts'
import { loadClassTokenWeights } from '../class-token-weights.ts'
import type { Method } from '../method.ts'
import { multiScaleCamsOf } from '../multi-scale.ts'
import { type LossOptions, mctformerLosses } from './losses.ts'
import { camReader, type MctformerCamOptions, mctformerCams } from './maps.ts'
import { Mctformer } from './model.ts'
import type { MctformerModelRecipe } from './recipe.ts'
import { unetLoss } from './unet-loss.ts'

export { mctformerLosses } from './losses.ts'
export { mctformerCams } from './maps.ts'
export { Mctformer, type MctformerOptions } from './model.ts'

export interface MctformerSettings {
  readonly model: MctformerModelRecipe
  readonly numClasses: number
  readonly losses?: LossOptions
  readonly maps?: MctformerCamOptions
}

/** With the loss of the U-Net, if any, which learns from the transformer's CAMs of the same pass. images [B, 3, H, W], targets [B, C] */
export function trainingLosses(
  network: Mctformer,
  { images, targets }: { images: Tensor; targets: Tensor },
  { losses = {}, refine = true }: { losses?: LossOptions; refine?: boolean | undefined } = {},
): Losses {
  if (network.unet === undefined) return mctformerLosses(network.forward(images), targets, losses)
  const reader = camReader(network, images, { refine })
  const output = network.forward(images, reader.visit)
  const { total, parts } = mctformerLosses(output, targets, losses)
  const taught = unetLoss(output.evidence!, { ...reader.read(output), tags: targets })
  return { total: total.add(taught), parts: { ...parts, 'unet loss': taught } }
}

/** Builds the network of a recipe with its losses and CAMs. */
export function buildMctformer({ model, numClasses, losses = {}, maps = {} }: MctformerSettings): Method {
  const { width, unet, ...rest } = model
  const network = new Mctformer({ ...vitSizes(width), ...rest, numClasses, unet: unet ?? undefined })
  return {
    network,
    numClasses,
    parameterGroups: options =>
      decayGroups(network, {
        ...options,
        noDecay,
        lrScale: name => (name.startsWith('unet.') ? (unet?.lrScale ?? 1) : 1),
      }),
    losses: batch => trainingLosses(network, batch, { losses, refine: unet?.refined }),
    logits(images) {
      const { classLogits, patchLogits } = network.forward(images)
      return model.variant === 'plus' ? classLogits.add(patchLogits!).div(2) : classLogits
    },
    imageCams: (images, options) =>
      multiScaleCamsOf(views => mctformerCams(network, views, maps).maps, images, options),
    classTokens: images => network.classTokensOfBlocks(images),
    loadPretrained: (weights, options) => loadClassTokenWeights(network, weights, options),
  }
}
