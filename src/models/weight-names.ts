/** @file Names of a weight file: the prefix of wrappers, summaries of many names, a guess of the network. Pure. */
import { InputError } from '../errors.ts'

/** 'blocks.0.ls1.gamma' and eleven like it become 'blocks.*.ls1.gamma (12)', one stays as it is; at most `most` kinds. */
export function kindsOf(names: Iterable<string>, { most = 6 }: { most?: number } = {}): string {
  const counts = new Map<string, { count: number; first: string }>()
  for (const name of names) {
    const kind = name.replace(/(^|\.)\d+(?=\.|$)/g, '$1*')
    const { count, first } = counts.get(kind) ?? { count: 0, first: name }
    counts.set(kind, { count: count + 1, first })
  }
  const kinds = [...counts].map(([kind, { count, first }]) => (count > 1 ? `${kind} (${count})` : first))
  const more = kinds.length - most
  return more > 0 ? `${kinds.slice(0, most).join(', ')} and ${more} more` : kinds.join(', ')
}

export interface Unwrapped<T> {
  readonly weights: ReadonlyMap<string, T>
  /** The prefix removed from every name: 'module.', 'teacher.backbone.'; empty for none. */
  readonly prefix: string
  /** Prefixes of further copies of the network, which are left out. */
  readonly others: readonly string[]
}

/**
 * Removes the prefix of wrappers from every name (module., backbone., model., teacher., ...), found by `anchor`, a name that
 * a network has once. Averaged copies (ema) come last, a teacher before its student; other ambiguity is an InputError.
 */
export function unwrapNames<T>(
  weights: ReadonlyMap<string, T>,
  { anchor, file }: { anchor: string; file: string },
): Unwrapped<T> {
  const found = [...weights.keys()].flatMap(name =>
    name === anchor ? [''] : name.endsWith(`.${anchor}`) ? [name.slice(0, -anchor.length)] : [],
  )
  const prefix = preferred(found, file)
  if (prefix === undefined) return { weights, prefix: '', others: [] }
  const others = found.filter(other => other !== prefix && other !== '')
  const kept = new Map<string, T>()
  for (const [name, value] of weights) {
    if (others.some(other => !prefix.startsWith(other) && name.startsWith(other))) continue
    const plain = name.startsWith(prefix) ? name.slice(prefix.length) : name
    if (plain === name && prefix !== '' && weights.has(prefix + name)) continue
    kept.set(plain, value)
  }
  return { weights: kept, prefix, others }
}

function preferred(prefixes: readonly string[], file: string): string | undefined {
  if (prefixes.length < 2) return prefixes[0]
  const plain = prefixes.filter(prefix => !/(^|[._])ema[._]/.test(prefix))
  const teachers = plain.filter(prefix => /(^|\.)teacher\./.test(prefix))
  const students = plain.filter(prefix => /(^|\.)student\./.test(prefix))
  if (plain.includes('')) return ''
  if (plain.length === 1) return plain[0]
  if (teachers.length === 1 && teachers.length + students.length === plain.length) return teachers[0]
  throw new InputError(file, `holds several networks: ${prefixes.join(', ')}`, {
    expected: 'a file with one of them',
  })
}

/** The wrappers' prefix that all names begin with: 'module.', 'module.model.'; empty for none. */
export function wrapperOf(names: Iterable<string>): string {
  const all = [...names]
  const [first] = all
  const prefix =
    /^(?:(?:module|model|backbone|network|net|teacher|student|_orig_mod)\.)+/.exec(first ?? '')?.[0] ?? ''
  return all.every(name => name.startsWith(prefix)) ? prefix : ''
}

const SEEMS: readonly (readonly [RegExp, string])[] = [
  [/(^|\.)fc_edge6\.weight$/, 'an edge network (IRN)'],
  [/(^|\.)f9\.weight$/, 'an AffinityNet'],
  [/(^|\.)adaptive_attention_fusion\./, "WeakTr's CAM network"],
  [/(^|\.)bg_token$/, 'a CTI'],
  [/(^|\.)segmentor\.cls_token$/, "SemFormer's segmentation network"],
  [/(^|\.)crs\.0\.weight$/, "SemFormer's class-aware autoencoder"],
  [/(^|\.)pos_embed_pat$/, 'an MCTformer'],
  [/(^|\.)stage2\.0\.0\.conv1\.weight$/, "a ResNet under IRN's names"],
  [/^conv1a\.weight$/, 'a ResNet38'],
  [/(^|\.)layer1\.0\.conv1\.weight$/, 'a ResNet'],
  [/(^|\.)layers\.0\.blocks\.0\./, 'a Swin transformer'],
  [/(^|\.)stages\.0\.(blocks\.)?0\./, 'a ConvNeXt'],
  [/(^|\.)features\.0\.(0\.)?weight$/, 'a VGG, DenseNet or MobileNet of torchvision'],
  [/(^|\.)encoder\.layers\.encoder_layer_0\./, "torchvision's vision transformer, whose names are others"],
  [/(^|\.)encoder\.layer\.0\.attention\./, "a transformer under Hugging Face's names"],
  [/resblocks\.0\./, 'a CLIP'],
  [/embedding\/kernel$/, "Google's vision transformer (augreg)"],
  [/(^|\.)blocks_token_only\.0\./, 'a CaiT'],
  [/(^|\.)patch_embed1\.proj\.weight$/, 'a mix transformer (SegFormer)'],
  [/(^|\.)decoder\.cls_emb$/, 'a Segmenter'],
  [/(^|\.)patch_embed\.proj\.weight$/, 'a vision transformer'],
]

/** 'the file seems to hold a ResNet', by its names; undefined for unknown names. */
export function seemsToHold(names: Iterable<string>): string | undefined {
  const all = [...names]
  const known = SEEMS.find(([pattern]) => all.some(name => pattern.test(name)))
  return known && `the file seems to hold ${known[1]}`
}
