/** @file Learning rates by depth: the encoder slower than the decoder, its early layers slower still (segm/optim/optim_factory.py). */
import type { Parameter } from '../../nn/index.ts'
import type { ParameterGroup } from '../../optim/index.ts'
import type { Segmenter } from './segmenter.ts'

export interface SegmenterGroupOptions {
  readonly weightDecay?: number
  /** Learning rate of the encoder's last layers, as a factor of the decoder's. */
  readonly encoderLr?: number
  /** Further factor for every layer further down. */
  readonly layerDecay?: number
}

/** Position embeddings and learned tokens: no decay although they have more than one axis. */
const UNDECAYED = new Set(['encoder.pos_embed', 'encoder.cls_token', 'decoder.cls_emb'])

/** Groups of one layer each, without decay and with; layer 0 is the embedding, then the blocks, the last norm, the decoder. */
export function segmenterGroups(
  network: Segmenter,
  { weightDecay = 0, encoderLr = 0.1, layerDecay = 1 }: SegmenterGroupOptions = {},
): ParameterGroup[] {
  const depth = network.encoder.blocks.length
  const groups = new Map<
    string,
    { parameters: Map<string, Parameter>; weightDecay: number; lrScale: number }
  >()
  for (const [name, parameter] of network.parameters()) {
    const spared = parameter.shape.length === 1 || name.endsWith('.bias') || UNDECAYED.has(name)
    const layer = layerOf(name, depth)
    const key = `${layer} ${spared}`
    const group = groups.get(key) ?? {
      parameters: new Map<string, Parameter>(),
      weightDecay: spared ? 0 : weightDecay,
      lrScale: layer > depth + 1 ? 1 : encoderLr * layerDecay ** (depth + 1 - layer),
    }
    group.parameters.set(name, parameter)
    groups.set(key, group)
  }
  return [...groups.values()]
}

function layerOf(name: string, depth: number): number {
  if (name.startsWith('decoder.')) return depth + 2
  const block = /^encoder\.blocks\.(\d+)\./.exec(name)?.[1]
  if (block !== undefined) return Number(block) + 1
  return /^encoder\.(cls_token|pos_embed|patch_embed)/.test(name) ? 0 : depth + 1
}
