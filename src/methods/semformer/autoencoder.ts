/** @file The class-aware autoencoder as the stage autoencoder trains it. */
import { vitSizes } from '../../models/vit/index.ts'
import { noGrad, scope, type Tensor } from '../../torch/index.ts'
import type { Autoencoder } from '../method.ts'
import { Caae } from './caae.ts'
import { caaeLosses, withBackground } from './caae-losses.ts'
import { semformerGroups } from './groups.ts'
import { loadCaae } from './pretrained.ts'
import type { SemformerAutoencoderRecipe } from './recipe.ts'

/** The autoencoder of SemFormer, which its losses read. */
export interface CaaeAutoencoder extends Autoencoder {
  readonly network: Caae
}

const IMAGENET_CLASSES = 1000 // of the unused classifier in the file of a distilled DeiT

export function buildAutoencoder(
  {
    width,
    distilled,
    imageSize,
    patchSize,
    reduction,
    decoder,
    absent,
    losses,
    rateFactors: factors,
  }: SemformerAutoencoderRecipe,
  { numClasses, classDim }: { numClasses: number; classDim: number },
): CaaeAutoencoder {
  const network = new Caae({
    ...vitSizes(width),
    dropPath: 0,
    imageSize,
    patchSize,
    numClasses: 1 + numClasses,
    classDim,
    reduction,
    decoderWidth: decoder.width,
    decoderDepth: decoder.depth,
    stopAbsent: absent === 'published-code',
    ...(distilled && { distilled: IMAGENET_CLASSES }),
  })
  return {
    network,
    imageSize,
    parameterGroups: ({ weightDecay }) => semformerGroups(network, { weightDecay, factors }),
    losses: ({ images, targets }) =>
      caaeLosses(network, { images, present: withBackground(targets) }, losses),
    similarities: images => noGrad(() => scope(() => network.similarities(network.embeddings(images)))),
    ...(losses.reconstruction > 0 && {
      reconstructions: (images: Tensor) => noGrad(() => scope(() => network.forward(images).reconstruction)),
    }),
    loadPretrained: (weights, options) => loadCaae(network, weights, options),
  }
}
