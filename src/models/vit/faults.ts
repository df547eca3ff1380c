/** @file What is wrong with the weights of a vision transformer: missing, mis-shaped and unknown ones together. Pure. */
import { isHarmless } from '../loaded-weights.ts'
import type { Shapes } from '../recognised.ts'
import { kindsOf } from '../weight-names.ts'

export interface VitFaults {
  readonly missing: readonly string[]
  /** 'norm.weight [3] for [4]' */
  readonly misshaped: readonly string[]
  readonly unknown: readonly string[]
}

/** Of weights under DeiT's names, for a network of the shapes `own`; heads, tokens and positions are adapted, not compared. */
export function vitFaults(weights: Shapes, own: Shapes): VitFaults {
  return {
    missing: lackingOf(weights, own.keys()),
    misshaped: [...own].flatMap(([name, { shape }]) => {
      const given = weights.get(name)?.shape
      const fits = given === undefined || given.join() === shape.join()
      return fits || !/^(blocks|patch_embed|norm)\./.test(name) ? [] : [`${name} [${given}] for [${shape}]`]
    }),
    unknown: [...weights.keys()].filter(
      name => !own.has(name) && !isHarmless(name) && !/^(pos_embed|head)/.test(name),
    ),
  }
}

/** Weights of the backbone itself that the file does not have. */
function lackingOf(names: Shapes, own: Iterable<string>): string[] {
  const lacking = [...own].filter(name => /^(blocks\.|patch_embed\.)/.test(name) && !names.has(name))
  // without both, the network ends in another layer
  if (names.has('norm.bias') && !names.has('norm.weight')) lacking.push('norm.weight')
  if (!names.has('pos_embed') && !(names.has('pos_embed_cls') && names.has('pos_embed_pat')))
    lacking.push('pos_embed')
  return lacking
}

/** 'lacks 1 weights of the vision transformer: ...', '2 of another shape: ...', '1 unknown: ...'; none without a fault. */
export function faultWords({ missing, misshaped, unknown }: VitFaults): string[] {
  const more = misshaped.length > 6 ? ', ...' : ''
  return [
    ...(missing.length === 0
      ? []
      : [`lacks ${missing.length} weights of the vision transformer: ${kindsOf(missing)}`]),
    ...(misshaped.length === 0
      ? []
      : [`${misshaped.length} of another shape: ${misshaped.slice(0, 6).join(', ')}${more}`]),
    ...(unknown.length === 0 ? [] : [`${unknown.length} unknown: ${kindsOf(unknown)}`]),
  ]
}
