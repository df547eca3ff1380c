/** @file The names and shapes of a vision transformer's weights. Pure. */
import type { Shapes } from '../recognised.ts'
import { geometryOf } from './foreign-weights.ts'

export interface VitShape {
  readonly depth: number
  readonly width: number
  /** Width within the feed-forward layers. */
  readonly hidden: number
  /** Side, pixels. */
  readonly patch: number
}

/** Of a DeiT's backbone; positions, whose number is free, have none here. */
export function vitShapes({ depth, width, hidden, patch }: VitShape): Shapes {
  const layers: [string, number[]][] = [
    ['patch_embed.proj', [width, 3, patch, patch]],
    ...Array.from({ length: depth }, (_, i) => block(i, { width, hidden })).flat(),
    ['norm', [width]],
  ]
  return new Map([
    ['cls_token', { shape: [1, 1, width] }],
    ['pos_embed', { shape: [] }],
    ...layers.flatMap(([name, shape]) => [
      [`${name}.weight`, { shape }] as const,
      [`${name}.bias`, { shape: shape.slice(0, 1) }] as const,
    ]),
  ])
}

function block(index: number, { width, hidden }: { width: number; hidden: number }): [string, number[]][] {
  const at = (layer: string): string => `blocks.${index}.${layer}`
  return [
    [at('norm1'), [width]],
    [at('attn.qkv'), [3 * width, width]],
    [at('attn.proj'), [width, width]],
    [at('norm2'), [width]],
    [at('mlp.fc1'), [hidden, width]],
    [at('mlp.fc2'), [width, hidden]],
  ]
}

/** What a DeiT of the file's depth, width, patches and feed-forward layers has; undefined without a class token. */
export function shapesOfFile(weights: Shapes): Shapes | undefined {
  const { depth, width } = geometryOf(weights)
  if (width === undefined) return undefined
  const rows = [...weights].flatMap(([name, { shape }]) =>
    /^blocks\.\d+\.mlp\.fc1\.weight$/.test(name) ? [shape[0] ?? 0] : [],
  )
  const median = rows.sort((a, b) => a - b)[rows.length >> 1]
  const patch = weights.get('patch_embed.proj.weight')?.shape.at(-1) ?? 16
  return vitShapes({ depth, width, hidden: median ?? 4 * width, patch })
}
