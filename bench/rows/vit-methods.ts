/** @file The methods of the benchmark on a DeiT-S, as published. */
import {
  type Autoencoder,
  buildCti,
  buildMctformer,
  buildWeaktr,
  type Method,
} from '../../src/methods/index.ts'
import { buildAutoencoder } from '../../src/methods/semformer/autoencoder.ts'
import { buildSemformer } from '../../src/methods/semformer/index.ts'
import { autoencoderRecipe, semformerModelRecipe } from '../../src/methods/semformer/recipe.ts'
import { CLASSES } from './training.ts'

const FUSION = {
  kind: 'aaf',
  generation: 'v3',
  pool: 'max',
  reduction: 8,
  featReduction: 8,
  lrScale: 1,
} as const
const WEIGHTS = { background: 0.1, intra: 1, cross: 1 }

const deitS = (imageSize: number) => ({ width: 'deit-s', imageSize, patchSize: 16, dropPath: 0.1 }) as const

export function mctformer(imageSize: number, variant: 'v2' | 'plus' = 'v2'): Method {
  const model = { ...deitS(imageSize), variant, decay: 0.996, unet: null }
  return buildMctformer({ model, numClasses: CLASSES })
}

export function weaktr(imageSize: number): Method {
  return buildWeaktr({ model: { ...deitS(imageSize), fusion: FUSION }, numClasses: CLASSES })
}

/** Its cross loss counts from the first step, at what it costs with a full memory. */
export function cti(imageSize: number): Method {
  const cross = { tokens: 'images', length: 30 } as const
  return buildCti({ model: deitS(imageSize), numClasses: CLASSES, losses: WEIGHTS, cross })
}

/** Guided by an autoencoder on a DeiT-S that sees half of the side. */
export function semformer(imageSize: number): Method {
  const model = semformerModelRecipe.parse({ width: 'deit-s', imageSize })
  const settings = autoencoderRecipe.parse({ width: 'deit-s', distilled: false, imageSize: imageSize / 2 })
  const autoencoder: Autoencoder = buildAutoencoder(settings, {
    numClasses: CLASSES,
    classDim: model.classDim,
  })
  autoencoder.network.eval()
  return buildSemformer({ model, numClasses: CLASSES, autoencoder })
}
