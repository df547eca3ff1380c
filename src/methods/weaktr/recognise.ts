/** @file WeakTr's CAM network by names and shapes. V2 and V3 have the same ones and compute different things. Pure. */
import { below, extent, type Recognised, type Shapes } from '../../models/recognised.ts'
import { patchOf, sizeWords, vitFacts, vitSettings } from '../../models/vit/recognise.ts'
import { GENERATION_KEY, generationOf, OPEN } from './generation.ts'

export function recogniseWeaktr(
  given: Shapes,
  metadata: Readonly<Record<string, string>> = {},
): Recognised | undefined {
  const weights = below(given, 'patch_embed.proj.weight')
  const generation = weights && generationOf(weights, metadata)
  if (weights === undefined || generation === undefined) return undefined
  const tokens = extent(weights, 'cls_token', 1)
  const facts = vitFacts(weights, { ...(tokens !== undefined && { tokens }) })
  const known = generation.length === 1 ? generation[0]! : undefined
  return {
    network: `WeakTr's CAM network ${known?.toUpperCase() ?? 'V2 or V3'}: ${sizeWords(facts)}`,
    method: 'weaktr',
    settings: [
      ...(known === undefined ? [] : [`model.fusion.generation=${known}`]),
      ...reductions(weights),
      ...vitSettings(facts),
    ],
    classes: tokens,
    ...patchOf(facts),
    ...(known === undefined && {
      open: { key: GENERATION_KEY, values: generation, problem: OPEN },
      notes: [
        'V2 and V3 have the same names and compute different things: model.fusion.generation says which (v2: published in June 2023; v3: since August 2023)',
      ],
    }),
  }
}

/** Hidden layers are the inputs over the reductions, rounded down. */
function reductions(weights: Shapes): string[] {
  const of = (key: string, name: string): string[] => {
    const [hidden, inputs] = weights.get(`adaptive_attention_fusion.${name}.0.weight`)?.shape ?? []
    if (hidden === undefined || inputs === undefined) return []
    const ratio = inputs / hidden
    return [`model.fusion.${key}=${Number.isInteger(ratio) ? ratio : ratio.toPrecision(4)}`]
  }
  return [
    ...of('reduction', weights.has('adaptive_attention_fusion.fc.0.weight') ? 'fc' : 'attn_head_ffn'),
    ...of('featReduction', 'attn_feat_ffn'),
  ]
}
