/** @file The shapes that weights have once plainWeights has folded them, and their faults by shapes alone. Pure. */
import { InputError } from '../../errors.ts'
import { below, type Shapes } from '../recognised.ts'
import { faultWords, type VitFaults, vitFaults } from './faults.ts'
import { refuseForeign, refuseGaps } from './foreign-weights.ts'
import { fromHuggingFace } from './hugging-face.ts'
import { shapesOfFile } from './own-names.ts'

/** LayerScale: its block, and the half of it. */
export const LAYER_SCALE =
  /^(blocks\.\d+)\.(?:ls|gamma_?|layer_?scale_?)([12])(?:\.(?:gamma|weight|scale|lambda1))?$/

const PART = /^(blocks\.\d+\.attn)\.(?:([qkv])|([qkv])_proj|to_([qkv])|([qkv])_bias)(?:\.(?:weight|bias))?$/

/** Of weights under DeiT's names; what is folded into another weight is gone, a bias that would be zeros is there. */
function foldedShapes(weights: Shapes, own: Shapes): Shapes {
  const folded = new Map(weights)
  const width = weights.get('cls_token')?.shape.at(-1)
  const parts = new Map<string, number>()
  for (const [name, { shape }] of weights) {
    const attention = PART.exec(name)?.[1]
    if (attention !== undefined && /weight$/.test(name)) parts.set(attention, (parts.get(attention) ?? 0) + 1)
    if (attention !== undefined || (LAYER_SCALE.test(name) && shape.join() === `${width}`))
      folded.delete(name)
  }
  for (const [attention, count] of parts) {
    const joined = `${attention}.qkv.weight`
    const shape = own.get(joined)?.shape
    if (count === 3 && shape !== undefined) folded.set(joined, { shape })
  }
  for (const [name, { shape }] of own) {
    const layer = /^((?:blocks|patch_embed)\..*)\.bias$/.exec(name)?.[1]
    if (layer !== undefined && !folded.has(name) && folded.has(`${layer}.weight`)) folded.set(name, { shape })
  }
  return folded
}

/**
 * Those of a file with one vision transformer at names that are known here, for what it says it is by its blocks and class token;
 * undefined for other files. Names outside of it are unknown only where it holds a `backbone` alone.
 */
export function faultsOfFile(given: Shapes, { backbone }: { backbone: boolean }): VitFaults | undefined {
  const anchors = [...given.keys()].filter(name => /(^|\.)patch_embed\.proj\.weight$/.test(name))
  const weights = below(fromHuggingFace(given), 'patch_embed.proj.weight')
  const own = anchors.length > 1 || weights === undefined ? undefined : shapesOfFile(weights)
  if (weights === undefined || own === undefined) return undefined
  const faults = vitFaults(foldedShapes(weights, own), own)
  return backbone ? faults : { ...faults, unknown: [] }
}

/**
 * Throws InputError where weights under DeiT's names are not of the shapes `own` or, of a `backbone` alone, compute something
 * else. Whole networks have further names, which they know themselves.
 */
export function refuseUnfit(
  weights: Shapes,
  own: Shapes,
  { file, backbone, expected }: { file: string; backbone: boolean; expected: string },
): void {
  const folded = foldedShapes(weights, own)
  const faults = vitFaults(folded, own)
  if (backbone) refuseForeign(folded.keys(), { own, file, folded: [], faults })
  refuseFaults(backbone ? faults : { ...faults, unknown: [] }, { file, expected })
}

/** Throws InputError for missing and mis-shaped weights, naming unknown ones, too; `expected`: where none is missing. */
export function refuseFaults(
  faults: VitFaults,
  { file, expected }: { file: string; expected: string },
): void {
  refuseGaps(faults, { file })
  if (faults.misshaped.length === 0) return
  throw new InputError(file, `the weights do not fit the network: ${faultWords(faults).join('; ')}`, {
    expected,
  })
}
