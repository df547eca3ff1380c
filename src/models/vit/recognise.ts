/** @file Vision transformers by names and shapes: DeiT, timm's and Hugging Face's ViT, augreg, DINOv2. Pure. */
import { IMAGENET } from '../../data/transforms/normalise.ts'
import { HALF } from '../named-weights.ts'
import { below, extent, type ProposedNormalisation, type Recognised, type Shapes } from '../recognised.ts'
import { geometryOf, sizeName } from './foreign-weights.ts'
import { fromHuggingFace, huggingFacePrefix } from './hugging-face.ts'

const IMAGENET_WORDS: ProposedNormalisation = { ...IMAGENET, words: "ImageNet's" }

/** Sizes of the vision transformer that weights at DeiT's names are of. */
export interface VitFacts {
  readonly width: number | undefined
  readonly depth: number
  /** 'deit-s' for its sizes. */
  readonly size: string | undefined
  readonly side: number | undefined
  /** Patches along a side; undefined where positions are no square. */
  readonly grid: number | undefined
}

/** `tokens`: class tokens among the positions; `positions`: the name of those of the patches. */
export function vitFacts(
  weights: Shapes,
  { tokens = 1, positions = 'pos_embed' }: { tokens?: number; positions?: string } = {},
): VitFacts {
  const geometry = geometryOf(weights)
  const extra = positions === 'pos_embed' ? tokens + (weights.has('dist_token') ? 1 : 0) : 0
  const count = extent(weights, positions, 1)
  const grid = count === undefined ? Number.NaN : Math.sqrt(count - extra)
  return {
    ...geometry,
    size: sizeName(geometry),
    side: extent(weights, 'patch_embed.proj.weight', -1),
    grid: Number.isInteger(grid) && grid > 0 ? grid : undefined,
  }
}

/** "deit-s", or its blocks and width. */
export function sizeWords({ size, depth, width }: VitFacts): string {
  return size ?? `${depth} blocks of width ${width ?? 'unknown'}`
}

/** Keys of the section `model` of a recipe with this transformer. */
export function vitSettings({ size, side, grid }: VitFacts, { key = 'model.width' } = {}): string[] {
  return [
    ...(size === undefined ? [] : [`${key}=${size}`]),
    ...(side === undefined ? [] : [`model.patchSize=${side}`]),
    ...(side === undefined || grid === undefined ? [] : [`model.imageSize=${side * grid}`]),
  ]
}

export function patchOf({ side, grid }: VitFacts): Pick<Recognised, 'patch'> {
  return side === undefined ? {} : { patch: { side, grid } }
}

/** A backbone alone; undefined for other networks. */
export function recogniseVit(given: Shapes): Recognised | undefined {
  const augreg = recogniseAugreg(given)
  if (augreg !== undefined) return augreg
  const theirs = huggingFacePrefix(given.keys()) !== undefined
  const weights = below(fromHuggingFace(given), 'patch_embed.proj.weight')
  if (weights === undefined || !weights.has('cls_token')) return undefined
  const facts = vitFacts(weights)
  const names = [...weights.keys()]
  const has = (pattern: RegExp): boolean => names.some(name => pattern.test(name))
  const scaled = has(/^blocks\.\d+\.(ls\d|gamma_?\d)/)
  const registers = names.find(name => /^(register_tokens?|reg_tokens?|storage_tokens)$/.test(name))
  const distilled = weights.has('dist_token')
  const classes = extent(weights, 'head.weight', 0)
  const kind = distilled
    ? 'a distilled DeiT'
    : scaled
      ? 'a vision transformer with LayerScale, as DINOv2'
      : 'a vision transformer, as DeiT'
  return {
    network: `${kind}: ${sizeWords(facts)}${theirs ? ", under Hugging Face's names" : ''}`,
    settings: vitSettings(facts),
    ...(classes !== undefined && { classes }),
    ...patchOf(facts),
    normalisation:
      distilled || (scaled && weights.has('mask_token'))
        ? IMAGENET_WORDS
        : { ...IMAGENET_WORDS, doubtful: DOUBT },
    notes: [
      ...(scaled ? ['LayerScale is folded into the layers before it when it is loaded'] : []),
      ...(registers === undefined
        ? []
        : [`${registers} take part in every attention: no network here can use these weights`]),
    ],
  }
}

const DOUBT = "timm's and Google's augreg transformers have the same names, and 0.5 and 0.5"

function recogniseAugreg(weights: Shapes): Recognised | undefined {
  const prefix = ['', 'opt/target/'].find(start => weights.has(`${start}embedding/kernel`))
  if (prefix === undefined) return undefined
  const [side, , , width] = weights.get(`${prefix}embedding/kernel`)!.shape
  const blocks = [...weights.keys()].map(name => Number(/\/encoderblock_(\d+)\//.exec(name)?.[1] ?? -1))
  const depth = Math.max(-1, ...blocks) + 1
  const grid = Math.sqrt((extent(weights, `${prefix}Transformer/posembed_input/pos_embedding`, 1) ?? 0) - 1)
  const facts = {
    width,
    depth,
    size: sizeName({ depth, width }),
    side,
    grid: Number.isInteger(grid) ? grid : undefined,
  }
  return {
    network: `Google's vision transformer (augreg): ${sizeWords(facts)}`,
    settings: vitSettings(facts),
    classes: extent(weights, `${prefix}head/kernel`, 1),
    ...patchOf(facts),
    normalisation: { ...HALF, words: '0.5 and 0.5' },
  }
}
