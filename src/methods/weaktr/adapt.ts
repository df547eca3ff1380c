/** @file Weights for WeakTr: of a DeiT, of an MCTformer, or its own of the same generation and fusion. */
import { InputError } from '../../errors.ts'
import type { TensorData } from '../../io/tensor-data.ts'
import { unwrapVit } from '../../models/vit/index.ts'
import { loadClassTokenWeights } from '../class-token-weights.ts'
import type { Adapted } from '../method.ts'
import type { Weaktr } from './model.ts'

const FUSION = 'adaptive_attention_fusion.'

/**
 * As loadClassTokenWeights; weights with a fusion must have the network's. The authors' code accepts any and leaves the
 * fusion at random (its issue 20). v2 and v3 have the same names and cannot be distinguished. Throws InputError naming
 * `file`.
 */
export function loadPretrained(
  network: Weaktr,
  weights: ReadonlyMap<string, TensorData>,
  { file }: { file: string },
): Adapted {
  const described = (names: Iterable<readonly [string, { readonly shape: readonly number[] }]>): string =>
    [...names]
      .filter(([name]) => name.startsWith(FUSION))
      .map(([name, { shape }]) => `${name.slice(FUSION.length)} [${shape}]`)
      .sort()
      .join(', ')
  const [theirs, ours] = [described(unwrapVit(weights, { file }).weights), described(network.stateDict())]
  if (theirs !== '' && theirs !== ours) {
    throw new InputError(file, `weights of another fusion of attention heads: ${theirs}`, {
      field: 'model.fusion',
      expected:
        ours === ''
          ? 'the recipe has mean-sum, which has no weights'
          : `the recipe's has ${ours} (v1 has fc, v2 and v3 attn_head_ffn; sizes follow from the reductions)`,
    })
  }
  return loadClassTokenWeights(network, weights, { file })
}
