/** @file The WeakTr CAM network that a golden file describes, with its weights. */
import { z } from 'zod'
import type { TensorData } from '../../../src/io/tensor-data.ts'
import { Weaktr } from '../../../src/methods/weaktr/index.ts'
import type { CheckOptions, Content } from '../fixture.ts'

/** Sizes, and flags of the original without a counterpart in ours. */
export const networkConfig = z.object({
  model: z.literal('WeakTr'),
  embed_dim: z.int().positive(),
  depth: z.int().positive(),
  num_heads: z.int().positive(),
  num_classes: z.int().positive(),
  patch_size: z.int().positive(),
  img_size: z.int().positive(),
  reduction: z.number().positive(),
  feat_reduction: z.number().positive(),
  pool: z.enum(['max', 'avg']),
  /** Added by us: the authors' files are of v3. */
  generation: z.enum(['v1', 'v2', 'v3']).default('v3'),
  aaf_hidden: z.int().positive(),
  aaf_feat_hidden: z.int().positive(),
  mlp_ratio: z.number().positive(),
  qkv_bias: z.literal(true),
  layer_norm_eps: z.literal(1e-6),
  drop: z.literal(0),
  drop_path: z.literal(0),
  final_norm_used: z.literal(false),
})

export type NetworkConfig = z.infer<typeof networkConfig>

export type Pool = NetworkConfig['pool']

export function isWeaktr({ config }: Content): boolean {
  return config.model === 'WeakTr'
}

/** A network with random weights. */
export function createNetwork(
  config: Omit<NetworkConfig, 'model' | 'aaf_hidden' | 'aaf_feat_hidden'>,
  { pool = config.pool }: { pool?: Pool } = {},
): Weaktr {
  return new Weaktr({
    numClasses: config.num_classes,
    imageSize: config.img_size,
    embedDim: config.embed_dim,
    depth: config.depth,
    heads: config.num_heads,
    patchSize: config.patch_size,
    mlpRatio: config.mlp_ratio,
    dropPath: config.drop_path,
    fusion: {
      kind: 'aaf',
      generation: config.generation,
      pool,
      reduction: config.reduction,
      featReduction: config.feat_reduction,
    },
  })
}

interface WithNetworkOptions extends CheckOptions {
  /** A pooling other than the file's. */
  readonly pool?: Pool
}

/** The network with `weights`, strictly, passed to `body`, then freed. */
export function withNetwork<T>(
  config: NetworkConfig,
  weights: ReadonlyMap<string, TensorData>,
  { device, ...options }: WithNetworkOptions,
  body: (network: Weaktr) => T,
): T {
  const network = createNetwork(config, options)
  try {
    network.loadStateDict(weights)
    return body(network.to(device))
  } finally {
    network.dispose()
  }
}
