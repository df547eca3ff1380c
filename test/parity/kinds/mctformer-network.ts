/** @file The MCTformer that a golden file describes, with its weights. */
import { z } from 'zod'
import type { TensorData } from '../../../src/io/tensor-data.ts'
import { Mctformer, type Variant } from '../../../src/methods/mctformer/model.ts'
import { ops, scope, type Tensor } from '../../../src/torch/index.ts'
import type { CheckOptions, Content } from '../fixture.ts'

const VARIANTS = { MCTformerV1: 'v1', MCTformerV2: 'v2', MCTformerPlus: 'plus' } as const satisfies Record<
  string,
  Variant
>

export const modelName = z.enum(['MCTformerV1', 'MCTformerV2', 'MCTformerPlus'])

/** Sizes, and flags of the original without a counterpart in ours. */
export const networkConfig = z.object({
  model: modelName,
  embed_dim: z.int().positive(),
  depth: z.int().positive(),
  num_heads: z.int().positive(),
  num_classes: z.int().positive(),
  patch_size: z.int().positive(),
  img_size: z.int().positive(),
  mlp_ratio: z.number().positive().default(4),
  qkv_bias: z.literal(true).default(true),
  layer_norm_eps: z.literal(1e-6).default(1e-6),
  drop: z.literal(0).default(0),
  drop_path: z.literal(0).default(0),
  final_norm_used: z.literal(false).default(false),
  /** Plus: side of the training crop, side that its unused `pos_embed` is for. */
  input_size: z.int().positive().optional(),
  vit_base_img_size: z.int().positive().optional(),
  decay_parameter: z.number().positive().optional(),
})

export type NetworkConfig = z.infer<typeof networkConfig>

export function isMctformer({ config }: Content): boolean {
  return modelName.safeParse(config.model).success
}

export function variantOf({ model }: Pick<NetworkConfig, 'model'>): Variant {
  return VARIANTS[model]
}

/** A network with random weights. */
export function createNetwork(config: NetworkConfig): Mctformer {
  const { input_size, vit_base_img_size, decay_parameter } = config
  return new Mctformer({
    variant: variantOf(config),
    numClasses: config.num_classes,
    imageSize: input_size ?? config.img_size,
    embedDim: config.embed_dim,
    depth: config.depth,
    heads: config.num_heads,
    patchSize: config.patch_size,
    mlpRatio: config.mlp_ratio,
    dropPath: config.drop_path,
    ...(decay_parameter === undefined ? {} : { decay: decay_parameter }),
    ...(vit_base_img_size === undefined ? {} : { baseImageSize: vit_base_img_size }),
  })
}

/** The network with `weights`, strictly, passed to `body`, then freed. */
export async function withNetwork<T>(
  config: NetworkConfig,
  weights: ReadonlyMap<string, TensorData>,
  { device }: CheckOptions,
  body: (network: Mctformer) => T,
): Promise<T> {
  const network = createNetwork(config)
  try {
    network.loadStateDict(weights)
    return body(network.to(device))
  } finally {
    network.dispose()
  }
}

/** Head-averaged patch-to-patch attention of every block [depth, B, h*w, h*w]. */
export function patchAttention(network: Mctformer, images: Tensor): Tensor {
  const { numClasses, blocks } = network
  const { rows, columns } = network.grid(images)
  const patches = rows * columns
  return scope(() => {
    const stack = ops.zeros([blocks.length, images.size(0), patches, patches], { device: images.device })
    network.forward(images, {
      rows: numClasses + patches,
      see(mean, layer) {
        ops.copy_(stack.select(0, layer), mean.narrow(1, numClasses, patches).narrow(2, numClasses, patches))
      },
    })
    return stack
  })
}
