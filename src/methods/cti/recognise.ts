/** @file CTI by names and shapes. Pure. */
import { below, extent, type Recognised, type Shapes } from '../../models/recognised.ts'
import { patchOf, sizeWords, vitFacts, vitSettings } from '../../models/vit/recognise.ts'

export function recogniseCti(given: Shapes): Recognised | undefined {
  const weights = below(given, 'bg_token')
  if (weights === undefined) return undefined
  const facts = vitFacts(weights, { positions: 'pos_embed_pat' })
  const tokens = extent(weights, 'pos_embed_cls', 1)
  return {
    network: `CTI: ${sizeWords(facts)}`,
    method: 'cti',
    settings: vitSettings(facts),
    ...(tokens !== undefined && { classes: tokens - 1 }),
    ...patchOf(facts),
  }
}
