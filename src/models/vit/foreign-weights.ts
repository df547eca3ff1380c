/** @file Refuses vision transformers that compute something else, by the names of their weights. Pure. */
import { InputError } from '../../errors.ts'
import type { Shapes } from '../recognised.ts'
import { kindsOf, seemsToHold } from '../weight-names.ts'
import { faultWords, type VitFaults } from './faults.ts'

const BLOCK = '^blocks\\.\\d+\\.'

/** Weights that change the function and cannot be folded into others. */
const FOREIGN: readonly (readonly [RegExp, string])[] = [
  [/^(register_tokens?|reg_tokens?|storage_tokens)$/, 'register tokens take part in every attention'],
  [new RegExp(`${BLOCK}attn\\.(q_norm|k_norm|q_ln|k_ln)\\.`), 'queries and keys are normalised'],
  [
    /^rel_pos_bias\.|(^|\.)relative_position_(bias_table|index)$|\.rel_pos_[hw]$/,
    'attention has a bias for each relative position',
  ],
  [
    /^(rope|rope_embed|rotary\w*)(\.|$)|\.(rope|rotary\w*)\.|(^|\.)(freqs_cos|freqs_sin|inv_freq)$/,
    'positions are rotary',
  ],
  [
    new RegExp(`${BLOCK}mlp\\.(w1|w2|w3|w12|fc1_g|fc1_x|gate_proj)\\.`),
    'feed-forward layers are gated (SwiGLU)',
  ],
  [/^(norm_pre|pre_norm|ln_pre)\./, 'tokens are normalised before the blocks'],
  [/^patch_embed\.(?!proj\.(weight|bias)$)/, 'patches are embedded in another way'],
  [/^blocks_token_only\./, 'class tokens have blocks of their own (CaiT)'],
  [new RegExp(BLOCK), 'blocks hold layers that are not known here'],
]

/**
 * Throws InputError where `names` (without prefix, and without what was folded) hold what the network, whose names are
 * `own`, does not compute; the message names `folded` and all other faults.
 */
export function refuseForeign(
  names: Iterable<string>,
  {
    own,
    file,
    folded,
    faults,
  }: {
    own: { has(name: string): boolean }
    file: string
    folded: readonly string[]
    faults: VitFaults
  },
): void {
  const found = new Map<string, string[]>()
  for (const name of names) {
    if (own.has(name) || name.endsWith('num_batches_tracked')) continue
    const reason = FOREIGN.find(([pattern]) => pattern.test(name))?.[1]
    if (reason !== undefined) found.set(reason, [...(found.get(reason) ?? []), name])
  }
  const [first] = found.values()
  if (first === undefined) return
  const listed = [...found].map(([reason, kinds]) => `${kindsOf(kinds)}: ${reason}`).join('; ')
  const { missing, misshaped, unknown } = faults
  const reasoned = new Set([...found.values()].flat())
  const lacks = missing.length === 0 ? [] : [`it lacks ${missing.length}: ${kindsOf(missing)}`]
  const others = faultWords({ missing: [], misshaped, unknown: unknown.filter(name => !reasoned.has(name)) })
  const problem = [`weights of a network that computes something else: ${listed}`, ...lacks, ...others].join(
    '; ',
  )
  throw new InputError(file, problem, {
    field: kindsOf(first, { most: 1 }).replace(/ .*/, ''),
    expected: [
      'weights of a plain vision transformer such as DeiT, without these',
      ...(folded.length === 0 ? [] : [`these could be folded in: ${folded.join(', ')}`]),
    ].join('; '),
  })
}

/** Throws InputError where the file lacks weights of the backbone itself: they would be random. Names all other faults, too. */
export function refuseGaps(faults: VitFaults, { file }: { file: string }): void {
  if (faults.missing.length === 0) return
  throw new InputError(file, faultWords(faults).join('; '), {
    expected: 'a complete file; what it lacks would be drawn at random',
  })
}

/** Blocks and width as the file has them. */
export interface Geometry {
  readonly depth: number
  /** Undefined without cls_token. */
  readonly width: number | undefined
}

/** 'deit-s' for its sizes; undefined for others. */
export function sizeName({ depth, width }: Geometry): string | undefined {
  const names: Record<string, string> = { 192: 'deit-ti', 384: 'deit-s', 768: 'deit-b' }
  return depth === 12 && width !== undefined ? names[width] : undefined
}

export function geometryOf(weights: ReadonlyMap<string, { readonly shape: readonly number[] }>): Geometry {
  let depth = 0
  for (const name of weights.keys())
    depth = Math.max(depth, 1 + Number(/^blocks\.(\d+)\./.exec(name)?.[1] ?? -1))
  return { depth, width: weights.get('cls_token')?.shape[2] }
}

/**
 * Throws InputError naming `field` where the file's blocks are not the network's; `remedy` knows their width's name, if any. Without
 * one, `field` is the key of the recipe that names the width.
 */
export function refuseOtherSize(
  found: Geometry,
  own: Geometry,
  {
    file,
    field,
    remedy = name =>
      `the recipe's network has ${own.depth} blocks of width ${own.width}: ${name === undefined ? '' : `--set ${field}=${name}, or `}another file`,
  }: { file: string; field: string; remedy?: (name: string | undefined) => string },
): void {
  if (found.width === own.width && found.depth === own.depth) return
  throw new InputError(
    file,
    `weights of another architecture: ${found.depth} blocks of width ${found.width}`,
    { field, expected: remedy(sizeName(found)) },
  )
}

/** `expected`, and what the file seems to hold by its names. */
export function withGuess(expected: string, names: Iterable<string>): string {
  const guess = seemsToHold(names)
  return guess === undefined ? expected : `${expected}; ${guess}`
}

/** Of weights that do not fit a network with patches of so many pixels. */
export function patchRemedy(weights: Shapes, own: number): string {
  const found = weights.get('patch_embed.proj.weight')?.shape.at(-1)
  const expected = 'weights of the same model.patchSize and width'
  if (found === undefined || found === own) return expected
  return `${expected}: the file's patches have ${found} pixels, --set model.patchSize=${found} or another file`
}
