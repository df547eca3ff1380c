/** @file SemFormer's networks at the sizes of a golden file. */
import { z } from 'zod'
import { Caae, type Reduction } from '../../../src/methods/semformer/caae.ts'
import { Semformer } from '../../../src/methods/semformer/model.ts'
import type { VitOptions } from '../../../src/models/vit/index.ts'
import { ops, scope, type Tensor } from '../../../src/torch/index.ts'
import { type Content, type Fixture, tensorsUnder } from '../fixture.ts'

export const vitConfig = z.object({
  embed_dim: z.int().positive(),
  depth: z.int().positive(),
  num_heads: z.int().positive(),
  patch_size: z.int().positive(),
  img_size: z.int().positive(),
})

export const autoencoderConfig = z.object({
  architecture: z.enum(['deit', 'deit_distilled']),
  image: z.int().positive(),
  decoder_width: z.int().positive(),
  decoder_depth: z.int().positive(),
  class_dim: z.int().positive(),
  vit: vitConfig,
})

export const segmentorConfig = z.object({
  vit: vitConfig,
  classes_with_background: z.int().positive(),
  class_dim: z.int().positive(),
  pos_embed_size: z.int().positive(),
})

/** Whether a file is of SemFormer, with these words in its source. */
export const isSemformer = ({ source }: Content, part: string): boolean =>
  source.startsWith('JLChen-C/SemFormer') && source.includes(part)

export function vitOptions(vit: z.infer<typeof vitConfig>): VitOptions {
  const { embed_dim: embedDim, depth, num_heads: heads, patch_size: patchSize } = vit
  return { embedDim, depth, heads, patchSize, mlpRatio: 4, dropPath: 0 }
}

/** With the weights under `prefix`, `weights.` or `ae.`; where the file leaves the decoder out, it stays as drawn. */
export function createCaae(
  fixture: Fixture,
  config: z.infer<typeof autoencoderConfig>,
  { numClasses, prefix, reduction = 'sum' }: { numClasses: number; prefix: string; reduction?: Reduction },
): Caae {
  const weights = tensorsUnder(fixture, prefix)
  const distilled = weights.get('encoder.vit_backbone.model.head_dist.bias')?.shape[0]
  const network = new Caae({
    ...vitOptions(config.vit),
    imageSize: config.image,
    numClasses,
    classDim: config.class_dim,
    decoderWidth: config.decoder_width,
    decoderDepth: config.decoder_depth,
    reduction,
    ...(distilled !== undefined && { distilled }),
  })
  network.loadStateDict(weights, { strict: prefix === 'weights.' })
  return network
}

/** With the file's weights; token dropout is off, as in the file. */
export function createSemformer(fixture: Fixture, config: z.infer<typeof segmentorConfig>): Semformer {
  const network = new Semformer({
    ...vitOptions(config.vit),
    imageSize: config.pos_embed_size * config.vit.patch_size,
    numClasses: config.classes_with_background,
    classDim: config.class_dim,
    tokenDropout: 0,
    resolution: config.vit.img_size,
  })
  network.loadStateDict(tensorsUnder(fixture, 'weights.'))
  return network
}

/** CAMs of the validation in train_semformer.py (make_cam): relu(relu(x) - 1e-5) / (max + 1e-5). [B, K, h, w] */
export function makeCam(responses: Tensor): Tensor {
  return scope(() => {
    const positive = responses.relu()
    const high = ops.amax(positive, { dim: [-2, -1], keepdim: true })
    return positive.sub(1e-5).relu().div(high.add(1e-5))
  })
}
