/** @file SemFormer as a method: its segmentation network, guided by a frozen autoencoder. */
import { TagmaskError } from '../../errors.ts'
import { vitSizes } from '../../models/vit/index.ts'
import { ops, scope } from '../../torch/index.ts'
import { imageClasses } from '../image-classes.ts'
import type { Autoencoder, Method } from '../method.ts'
import { Caae } from './caae.ts'
import { type RateFactors, semformerGroups } from './groups.ts'
import { type SemformerLossOptions, trainingLosses } from './losses.ts'
import { type SemformerCamOptions, semformerCams } from './maps.ts'
import { Semformer } from './model.ts'
import { loadSemformer } from './pretrained.ts'
import type { SemformerModelRecipe } from './recipe.ts'

export interface SemformerSettings {
  readonly model: SemformerModelRecipe
  /** Without the background. */
  readonly numClasses: number
  readonly losses?: SemformerLossOptions
  readonly rateFactors?: RateFactors
  readonly maps?: SemformerCamOptions
  /** Trained; needed for losses only. */
  readonly autoencoder?: Autoencoder | undefined
}

const RESOLUTION = 224 // of the images that DeiT's own positions are for

/** Builds the network of a recipe with its losses and CAMs; `autoencoder` is frozen and loses its decoder, which guides nothing. */
export function buildSemformer({
  model: { width, embedding, imageSize, ...rest },
  numClasses,
  losses = {},
  rateFactors,
  maps = {},
  autoencoder,
}: SemformerSettings): Method {
  const network = new Semformer({
    ...vitSizes(width),
    ...rest,
    dropPath: 0,
    imageSize,
    numClasses: 1 + numClasses,
    embeddingRelu: embedding === 'published-code',
    resolution: Math.min(RESOLUTION, imageSize),
  })
  const guide = autoencoder?.network
  guide?.freeze()
  if (guide instanceof Caae) guide.dropDecoder()
  return {
    network,
    numClasses,
    ...(guide !== undefined && { frozen: [guide] }),
    parameterGroups: ({ weightDecay }) =>
      semformerGroups(network, { weightDecay, ...(rateFactors && { factors: rateFactors }) }),
    losses({ images, boxes, targets }) {
      if (!(guide instanceof Caae)) throw new TagmaskError('the losses of SemFormer need its autoencoder')
      const present = imageClasses(targets).map(own => [0, ...own.map(index => index + 1)])
      const options = { ...losses, autoencoder: guide, side: autoencoder!.imageSize }
      return trainingLosses(network, { images, boxes, present }, options)
    },
    logits: images =>
      scope(() => {
        const classes = network.logits(images).narrow(1, 1, numClasses)
        return ops.amax(classes, { dim: [2, 3] })
      }),
    imageCams: (images, options) => semformerCams(network, images, { ...maps, ...options }),
    classTokens: images => network.classTokensOfBlocks(images).narrow(2, 1, numClasses),
    loadPretrained: (weights, options) => loadSemformer(network, weights, options),
  }
}
