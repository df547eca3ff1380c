/** @file The network of CAM by names and shapes: a vision transformer with a classifier of its own classes. Pure. */
import { below, extent, type Recognised, type Shapes } from '../../models/recognised.ts'
import { patchOf, sizeWords, vitFacts, vitSettings } from '../../models/vit/recognise.ts'

/** Classifiers of the sets that transformers are pretrained on: ImageNet-1k, -21k, -22k. */
const PRETRAINED = new Set([1000, 11_221, 21_841, 21_843])

export function recogniseCam(given: Shapes): Recognised | undefined {
  const weights = below(given, 'patch_embed.proj.weight')
  const head = weights?.get('head.weight')?.shape
  if (weights === undefined || head?.length !== 2 || PRETRAINED.has(head[0]!)) return undefined
  if (extent(weights, 'cls_token', 1) !== 1 || weights.has('dist_token') || weights.has('bg_token'))
    return undefined
  const facts = vitFacts(weights)
  return {
    network: `a vision transformer with a classifier, as the method cam has it: ${sizeWords(facts)}`,
    method: 'cam',
    settings: vitSettings(facts),
    classes: head[0],
    ...patchOf(facts),
  }
}
