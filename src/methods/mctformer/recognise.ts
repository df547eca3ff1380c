/** @file MCTformer's three generations by names and shapes. Pure. */
import { below, extent, type Recognised, type Shapes } from '../../models/recognised.ts'
import { patchOf, sizeWords, vitFacts, vitSettings } from '../../models/vit/recognise.ts'

export function recogniseMctformer(given: Shapes): Recognised | undefined {
  const weights = below(given, 'patch_embed.proj.weight')
  const tokens = weights && extent(weights, 'cls_token', 1)
  if (weights === undefined || tokens === undefined) return undefined
  if (
    weights.has('bg_token') ||
    [...weights.keys()].some(name => name.startsWith('adaptive_attention_fusion.'))
  )
    return undefined
  const plus = weights.has('pos_embed_pat')
  const head = weights.get('head.weight')?.shape
  if (!plus && (tokens === 1 || head?.[0] !== tokens)) return undefined
  const convolves = head?.length === 4
  const variant = plus ? 'plus' : convolves ? 'v2' : 'v1'
  const facts = vitFacts(weights, { tokens, positions: plus ? 'pos_embed_pat' : 'pos_embed' })
  return {
    network: `${plus ? 'MCTformer+' : `MCTformer ${variant.toUpperCase()}`}: ${sizeWords(facts)}`,
    method: 'mctformer',
    settings: [`model.variant=${variant}`, ...vitSettings(facts)],
    classes: tokens,
    ...patchOf(facts),
    ...(variant === 'v2' && {
      notes: [
        'a WeakTr whose fusion is mean-sum has the same names: method=weaktr, model.fusion={kind: mean-sum}',
      ],
    }),
  }
}
