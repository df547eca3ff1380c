/** @file SemFormer's networks at the sizes of a golden file. */
import { z } from 'zod'
import { Caae, type Reduction } from '../../../src/methods/semformer/caae.ts'
import type { VitOptions } from '../../../src/models/vit/index.ts'
import type { Content, Fixture } from '../fixture.ts'
import { tensorsUnder } from '../fixture.ts'

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
