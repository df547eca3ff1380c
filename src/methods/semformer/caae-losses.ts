/** @file What the autoencoder learns from: class embeddings near the semantics of the image's classes, and the image itself (train_caae.py). */
import type { Losses } from '../../nn/index.ts'
import { ops, scope, type Tensor } from '../../torch/index.ts'
import type { Caae, CaaeOutput } from './caae.ts'
import { similarityEntropy, type ZeroSimilarity } from './similarity.ts'

export interface CaaeLossOptions {
  /** Weight of the entropy of the similarities. */
  readonly similarity?: number
  /** Weight of the squared error of the reconstruction, of normalised pixels; 0: the decoder does not run. */
  readonly reconstruction?: number
  readonly zeroSimilarity?: ZeroSimilarity
}

/** images [B, 3, S, S], normalised; present [B, K] in {0, 1}, the background first */
export function caaeLosses(
  network: Caae,
  { images, present }: { images: Tensor; present: Tensor },
  { similarity = 1, reconstruction = 1, zeroSimilarity: zero = 'corrected' }: CaaeLossOptions = {},
): Losses {
  return scope(() => {
    const output: Pick<CaaeOutput, 'embeddings'> & Partial<CaaeOutput> =
      reconstruction === 0 ? { embeddings: network.embeddings(images) } : network.forward(images)
    const similar = similarityEntropy(network.similarities(output.embeddings, present), present, { zero })
    const parts = { 'similarity loss': similar }
    const total = similar.mul(similarity)
    if (output.reconstruction === undefined) return { total, parts }
    const difference = output.reconstruction.to({ dtype: 'float32' }).sub(images)
    const error = difference.mul(difference).mean()
    return { total: total.add(error.mul(reconstruction)), parts: { ...parts, 'reconstruction loss': error } }
  })
}

/** Image-level labels [B, C] behind a background that every image has: [B, 1 + C] */
export function withBackground(targets: Tensor): Tensor {
  return ops.constantPadNd(targets, [1, 0], { value: 1 })
}
