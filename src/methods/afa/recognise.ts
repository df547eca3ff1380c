/** @file AFA by names and shapes. Pure. */
import { mitSizes } from '../../models/mit/sizes.ts'
import { below, extent, type Recognised, type Shapes } from '../../models/recognised.ts'
import { patchOf, sizeWords, vitFacts, vitSettings } from '../../models/vit/recognise.ts'

export function recogniseAfa(given: Shapes): Recognised | undefined {
  const weights = below(given, 'attn_proj.weight')
  const classes = weights && extent(weights, 'classifier.weight', 0)
  if (weights === undefined || classes === undefined) return undefined
  const encoder = new Map(
    [...weights].flatMap(([name, value]) =>
      name.startsWith('encoder.') ? [[name.slice('encoder.'.length), value] as const] : [],
    ),
  )
  const whole = { method: 'afa', classes }
  if (encoder.has('patch_embed1.proj.weight')) {
    const { name, words } = mitSizes(encoder)
    return {
      network: `AFA on a mix transformer: ${name ?? words}`,
      ...(name !== undefined && { settings: [`model.backbone=${name}`] }),
      ...whole,
    }
  }
  const facts = vitFacts(encoder)
  const settings = vitSettings(facts, { key: 'model.backbone' })
  return {
    network: `AFA on a vision transformer: ${sizeWords(facts)}`,
    settings,
    ...whole,
    ...patchOf(facts),
  }
}
