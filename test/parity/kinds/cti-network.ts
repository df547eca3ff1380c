/** @file CTI's network at the sizes of a golden file, and what the original returns of a pass. */
import { z } from 'zod'
import type { TensorData } from '../../../src/io/tensor-data.ts'
import { AttentionSums } from '../../../src/methods/cti/attention-sums.ts'
import { infuse } from '../../../src/methods/cti/infusion.ts'
import { Cti } from '../../../src/methods/cti/model.ts'
import { applyPatchAffinity } from '../../../src/methods/patch-affinity.ts'
import { type BlockVisitor, runBlocks } from '../../../src/models/vit/index.ts'
import { noGrad, ops, scope, type Tensor } from '../../../src/torch/index.ts'
import type { CheckOptions, Content } from '../fixture.ts'

export const ctiConfig = z.object({
  width: z.int(),
  heads: z.int(),
  depth: z.int(),
  classes: z.int(),
  image: z.int(),
  patch_size: z.int(),
  mlp_ratio: z.literal(4).default(4),
  eps: z.object({ block_norms: z.literal(1e-6), layer_norm_of_memory: z.literal(1e-5) }),
})

export type CtiConfig = z.infer<typeof ctiConfig>

/** Whether a file is of CTI, with these words in its source. */
export const isCti = ({ source }: Content, part: string): boolean =>
  source.startsWith('yoon307/CTI') && source.includes(part)

/** The network with `weights`, strictly, passed to `body`, then freed. Drop-path is off in the files. */
export function withCti<T>(
  config: CtiConfig,
  weights: (network: Cti) => ReadonlyMap<string, TensorData | Tensor>,
  { device }: CheckOptions,
  body: (network: Cti) => T,
): T {
  const network = new Cti({
    numClasses: config.classes,
    imageSize: config.image,
    embedDim: config.width,
    depth: config.depth,
    heads: config.heads,
    patchSize: config.patch_size,
    mlpRatio: config.mlp_ratio,
    dropPath: 0,
  })
  try {
    scope(() => network.loadStateDict(weights(network)))
    return body(network.to(device))
  } finally {
    network.dispose()
  }
}

export interface PassOptions {
  /** Class tokens to infuse [B, C, D] or [B, 1 + C, D]. */
  readonly given?: Tensor | undefined
  /** swap_idx; undefined as in a plain call of the original. */
  readonly index?: number | undefined
  readonly layers?: number
}

/** The original's dict of one pass of images [B, 3, H, W], under its names. */
export function ctiOutputs(
  network: Cti,
  images: Tensor,
  { given, index, layers = 6 }: PassOptions = {},
): Map<string, Tensor> {
  const { numClasses: labels, blocks } = network
  const outputs = new Map<string, Tensor>()
  const replaced = (made: Tensor, layer: number): Tensor | undefined =>
    given !== undefined && layer === index ? infuse(made, given, { labels }) : undefined
  const through = (visitor: BlockVisitor): Tensor =>
    noGrad(() => runBlocks(blocks, network.embed(images), visitor))
  const attention: Tensor[] = []
  const tokens = through({
    records: () => 'weights',
    recorded: ({ weights }) => void attention.push(weights!.mean(1)),
    output: (made, layer) => {
      const next = replaced(made, layer)
      outputs.set(`ctk${layer}`, (next ?? made).narrow(1, 0, labels).clone())
      return next
    },
  })
  through({
    records: () => 'factors',
    recorded: ({ factors }, layer) => {
      const { queries, heads } = factors!
      const byHead = queries.reshape(queries.size(0), queries.size(1), heads, -1).transpose(1, 2)
      outputs.set(`query${layer}`, byHead.narrow(1, 0, Math.min(labels, heads))) // the original cuts the heads
    },
    output: replaced,
  })
  const { classLogits, patchLogits, patchMaps } = network.outputs(tokens, images)
  const cams = patchMaps.relu()
  const sumsFrom = (classes: number, patches: number): AttentionSums => {
    const sums = new AttentionSums(labels, { classes, patches })
    noGrad(() => network.pass(network.embed(images), { sums, output: replaced }))
    return sums
  }
  const after = index === undefined ? 0 : index + 1
  const sums = sumsFrom(Math.max(0, blocks.length - layers), after)
  const grid = (maps: Tensor): Tensor => maps.reshape(...cams.shape)
  const mtatt = grid(sums.classes)
  outputs.set('cls', classLogits).set('pcls', patchLogits).set('cams', cams)
  outputs.set('Sattn', ops.stack(attention)).set('mtatt', mtatt).set('attn', sums.patches)
  outputs.set('fcams', cams.mul(mtatt)).set('rcams', applyPatchAffinity(cams.mul(mtatt), sums.patches))
  if (index !== undefined) {
    const late = grid(sumsFrom(after, after).classes)
    outputs.set('mtatt_as', late).set('fcams_as', cams.mul(late))
  }
  return outputs
}
