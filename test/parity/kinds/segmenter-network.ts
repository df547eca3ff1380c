/** @file The Segmenter that a golden file of WeakTr's online retraining describes, with its weights. */
import { z } from 'zod'
import { InputError } from '../../../src/errors.ts'
import type { TensorData } from '../../../src/io/tensor-data.ts'
import { Segmenter } from '../../../src/models/segmenter/index.ts'
import type { CheckOptions, Fixture } from '../fixture.ts'

/** Sizes, and flags of the original without a counterpart in ours. */
export const segmenterConfig = z.object({
  image_size: z.int().positive(),
  patch_size: z.int().positive(),
  d_model: z.int().positive(),
  n_layers: z.int().positive(),
  n_heads: z.int().positive(),
  d_ff: z.int().positive(),
  dec_layers: z.int().positive(),
  dec_heads: z.int().positive(),
  dec_d_ff: z.int().positive(),
  n_cls: z.int().positive(),
  layer_norm_eps: z.literal(1e-5),
  encoder_norm_used: z.literal(true),
  dropout: z.literal(0),
  drop_path: z.literal(0),
  distilled: z.literal(false),
  unused_parameters: z.array(z.string()),
})

export type SegmenterConfig = z.infer<typeof segmenterConfig>

/** The network with `weights`, strictly, passed to `body`, then freed. */
export function withSegmenter<T>(
  fixture: Fixture,
  {
    config,
    weights,
    device,
  }: { config: SegmenterConfig; weights: ReadonlyMap<string, TensorData> } & CheckOptions,
  body: (network: Segmenter) => T,
): T {
  const [headClasses] = weights.get('encoder.head.weight')?.shape ?? []
  if (headClasses === undefined)
    throw new InputError(fixture.path, 'tensor missing', { field: 'weights.encoder.head.weight' })
  const network = new Segmenter({
    labels: config.n_cls,
    imageSize: config.image_size,
    patchSize: config.patch_size,
    embedDim: config.d_model,
    depth: config.n_layers,
    heads: config.n_heads,
    mlpRatio: config.d_ff / config.d_model,
    dropPath: config.drop_path,
    headClasses,
    decoder: {
      depth: config.dec_layers,
      heads: config.dec_heads,
      mlpRatio: config.dec_d_ff / config.d_model,
      dropout: config.dropout,
    },
  })
  try {
    network.loadStateDict(weights)
    return body(network.to(device))
  } finally {
    network.dispose()
  }
}
