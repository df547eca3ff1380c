/** @file The names of a vision transformer's weights, by its depth. Pure. */
import { geometryOf } from './foreign-weights.ts'

const LAYERS = ['norm1', 'attn.qkv', 'attn.proj', 'norm2', 'mlp.fc1', 'mlp.fc2']

/** Those that a DeiT with as many blocks has. */
export function vitNames(
  weights: ReadonlyMap<string, { readonly shape: readonly number[] }>,
): ReadonlyMap<string, unknown> {
  const { depth } = geometryOf(weights)
  const blocks = Array.from({ length: depth }, (_, block) =>
    LAYERS.map(layer => `blocks.${block}.${layer}`),
  ).flat()
  const layers = ['patch_embed.proj', ...blocks, 'norm'].flatMap(layer => [
    `${layer}.weight`,
    `${layer}.bias`,
  ])
  return new Map(['cls_token', 'pos_embed', ...layers].map(name => [name, undefined]))
}
