/** @file A file of weights: its names and shapes, and what it seems to hold. Imports no torch. */
import { elementCount } from '../../io/tensor-data.ts'
import { readWeights } from '../../io/weights.ts'
import { geometryOf, sizeName } from '../../models/vit/foreign-weights.ts'
import { seemsToHold, unwrapNames } from '../../models/weight-names.ts'
import type { FileInspection } from './inspection.ts'
import { moduleSizes } from './module-sizes.ts'

const ANCHOR = 'patch_embed.proj.weight'

/** Throws InputError as readWeights does. */
export async function inspectFile(file: string): Promise<FileInspection> {
  const weights = await readWeights(file)
  const tensors = [...weights].map(([name, { shape, dtype }]) => ({ name, shape, dtype }))
  const numbers = tensors.filter(({ dtype }) => /float/.test(dtype))
  return {
    kind: 'file',
    guess: guessOf(weights, file),
    values: numbers.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    modules: moduleSizes(numbers),
    tensors,
  }
}

/** With the blocks of a vision transformer and the name of their size. */
function guessOf(
  weights: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  file: string,
): string | undefined {
  const guess = seemsToHold(weights.keys())
  if (guess === undefined || ![...weights.keys()].some(name => name.endsWith(ANCHOR))) return guess
  const geometry = geometryOf(unwrapNames(weights, { anchor: ANCHOR, file }).weights)
  const { depth, width } = geometry
  if (depth === 0 || width === undefined) return guess
  const name = sizeName(geometry)
  return `${guess}, ${depth} blocks of width ${width}${name === undefined ? '' : ` (${name})`}`
}
