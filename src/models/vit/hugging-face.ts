/** @file Vision transformers under Hugging Face's names (ViT, DeiT, DINOv2) as DeiT's own. Names alone, so pure. */
import type { TensorData } from '../../io/tensor-data.ts'

type Names = readonly (readonly [RegExp, string])[]

const PATCHES = 'embeddings.patch_embeddings.projection.weight'

/** Below the prefix of the network. */
const TOP: Names = [
  [/^embeddings\.patch_embeddings\.projection\./, 'patch_embed.proj.'],
  [/^embeddings\.position_embeddings$/, 'pos_embed'],
  [/^embeddings\.distillation_token$/, 'dist_token'],
  [/^embeddings\./, ''],
  [/^layernorm\./, 'norm.'],
  [/^encoder\.layer\.(\d+)\./, 'blocks.$1.'],
]

/** Below `blocks.N.`; others keep their names, and are refused as layers that are not known. */
const BLOCK: Names = [
  [/^attention\.attention\.query\./, 'attn.q.'],
  [/^attention\.attention\.key\./, 'attn.k.'],
  [/^attention\.attention\.value\./, 'attn.v.'],
  [/^attention\.attention\.relative_position_bias\./, 'attn.'],
  [/^attention\.output\.dense\./, 'attn.proj.'],
  [/^intermediate\.dense\./, 'mlp.fc1.'],
  [/^output\.dense\./, 'mlp.fc2.'],
  [/^layernorm_before\./, 'norm1.'],
  [/^layernorm_after\./, 'norm2.'],
  [/^layer_scale([12])\.lambda1$/, 'ls$1.gamma'],
  [/^lambda_([12])$/, 'ls$1.gamma'],
  [/^mlp\.weights_in\./, 'mlp.w12.'],
  [/^mlp\.weights_out\./, 'mlp.w3.'],
]

const HEADS: Names = [
  [/^(cls_)?classifier\./, 'head.'],
  [/^distillation_classifier\./, 'head_dist.'],
]

/** The prefix of the network's names ('vit.', 'deit.', 'dinov2.', ''); undefined for other names. */
export function huggingFacePrefix(names: Iterable<string>): string | undefined {
  for (const name of names)
    if (name === PATCHES || name.endsWith(`.${PATCHES}`)) return name.slice(0, -PATCHES.length)
  return undefined
}

/** Under DeiT's names, q, k and v apart; the same map where the names are others. */
export function fromHuggingFace<T = TensorData>(weights: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  const prefix = huggingFacePrefix(weights.keys())
  if (prefix === undefined) return weights
  return new Map([...weights].map(([name, value]) => [deitName(name, prefix), value]))
}

function deitName(name: string, prefix: string): string {
  if (!name.startsWith(prefix)) return renamed(name, HEADS)
  const own = name.slice(prefix.length)
  const top = renamed(own, TOP)
  const [, block, rest] = /^(blocks\.\d+\.)(.*)$/.exec(top) ?? []
  if (block !== undefined) return block + renamed(rest!, BLOCK)
  return top === own ? renamed(own, HEADS) : top
}

function renamed(name: string, table: Names): string {
  const found = table.find(([pattern]) => pattern.test(name))
  return found === undefined ? name : name.replace(found[0], found[1])
}
