/** @file SemFormer's two networks by names and shapes. Pure. */
import { below, extent, type Recognised, type Shapes } from '../../models/recognised.ts'
import { patchOf, sizeWords, type VitFacts, vitFacts } from '../../models/vit/recognise.ts'

export function recogniseSemformer(given: Shapes): Recognised | undefined {
  const segmentor = below(given, 'segmentor.cls_token')
  if (segmentor !== undefined) {
    const facts = factsBelow(segmentor, 'segmentor.backbone.')
    const labels = extent(segmentor, 'segmentor.cls_token', 1)
    return {
      network: `SemFormer's segmentation network: ${sizeWords(facts)}`,
      method: 'semformer',
      settings: sizeOf('model', facts),
      ...(labels !== undefined && { classes: labels - 1 }),
      ...patchOf(facts),
    }
  }
  const caae = below(given, 'crs.0.weight')
  if (caae === undefined || !caae.has('convert.0.weight')) return undefined
  const facts = factsBelow(caae, 'encoder.vit_backbone.')
  const labels = extent(caae, 'crs.0.weight', 0)
  return {
    network: `SemFormer's class-aware autoencoder: ${sizeWords(facts)}`,
    settings: ['for autoencoder.weights', ...sizeOf('autoencoder', facts)],
    ...(labels !== undefined && { classes: labels - 1 }),
    ...patchOf(facts),
  }
}

const sizeOf = (section: string, { size }: VitFacts): string[] =>
  size === undefined ? [] : [`${section}.width=${size}`]

/** Of the DeiT below the backbone, whose patch positions are apart; its own class token, which nothing uses, may be absent. */
function factsBelow(weights: Shapes, backbone: string): VitFacts {
  const positions = weights.get(`${backbone}grid_posembed`)
  const own = new Map<string, { readonly shape: readonly number[] }>()
  for (const [name, value] of weights)
    if (name.startsWith(`${backbone}model.`)) own.set(name.slice(backbone.length + 'model.'.length), value)
  if (positions !== undefined) {
    own.set('grid_posembed', positions)
    own.set('cls_token', { shape: [1, 1, positions.shape.at(-1) ?? 0] })
  }
  return vitFacts(own, { positions: 'grid_posembed' })
}
