/** @file A Segmenter by names and shapes. Pure. */
import { below, extent, type Recognised, type Shapes } from '../recognised.ts'
import { patchOf, sizeWords, vitFacts } from '../vit/recognise.ts'

export function recogniseSegmenter(given: Shapes): Recognised | undefined {
  const weights = below(given, 'decoder.cls_emb')
  if (weights === undefined) return undefined
  const encoder = new Map(
    [...weights].flatMap(([name, value]) =>
      name.startsWith('encoder.') ? [[name.slice('encoder.'.length), value] as const] : [],
    ),
  )
  const facts = vitFacts(encoder)
  const labels = extent(weights, 'decoder.cls_emb', 1)
  return {
    network: `a Segmenter (WeakTr's retraining): ${sizeWords(facts)}`,
    settings: [
      'segment.network=segmenter',
      ...(facts.size === undefined ? [] : [`segment.backbone=${facts.size}`]),
      ...(facts.side === undefined || facts.grid === undefined
        ? []
        : [`segment.cropSize=${facts.side * facts.grid}`]),
    ],
    ...(labels !== undefined && { classes: labels - 1 }),
    ...patchOf(facts),
    ...(labels === 60 && {
      notes: [
        'early files of the authors have 60 labels, of which 21 were trained: they fit no network of 20 classes',
      ],
    }),
  }
}
