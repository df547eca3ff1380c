/** @file Mix transformers by names and shapes. Pure. */
import { IMAGENET } from '../../data/transforms/normalise.ts'
import { below, extent, type Recognised, type Shapes } from '../recognised.ts'
import { mitSizes } from './sizes.ts'

const ANCHOR = 'patch_embed1.proj.weight'
const ANCHORS: readonly (readonly [RegExp, string])[] = [
  [/(^|\.)patch_embed1\.proj\.weight$/, ''],
  [/(^|\.)patch_embeddings\.0\.proj\.weight$/, ", under Hugging Face's names"],
  [/(^|\.)layers\.0\.0\.projection\.weight$/, ", under MMSegmentation's names"],
]

/** SegFormer's encoder; undefined for other networks. */
export function recogniseMit(given: Shapes): Recognised | undefined {
  const names = [...given.keys()]
  const found = ANCHORS.find(([pattern]) => names.some(name => pattern.test(name)))
  if (found === undefined) return undefined
  const own = below(given, ANCHOR)
  const sizes = own === undefined ? undefined : mitSizes(own)
  const classes = extent(own ?? given, own === undefined ? 'classifier.weight' : 'head.weight', 0)
  return {
    network: `a mix transformer (SegFormer)${sizes === undefined ? '' : `: ${sizes.name ?? sizes.words}`}${found[1]}`,
    ...(sizes?.name !== undefined && { settings: [`model.backbone=${sizes.name}`] }),
    ...(classes !== undefined && { classes }),
    normalisation: { ...IMAGENET, words: "ImageNet's" },
  }
}
