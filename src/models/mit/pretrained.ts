/** @file SegFormer's ImageNet weights, also inside a larger network's file, for a mix transformer of the same sizes. */
import { InputError } from '../../errors.ts'
import type { TensorData } from '../../io/tensor-data.ts'
import type { AdaptedWeights } from '../adapted-weights.ts'
import { withGuess } from '../vit/index.ts'
import { kindsOf, unwrapNames } from '../weight-names.ts'
import { knownMitNames } from './known-names.ts'
import type { MixTransformer } from './mix-transformer.ts'
import { type MitSizes, mitSizes } from './sizes.ts'

const ANCHOR = 'patch_embed1.proj.weight'

/**
 * The file's weights under the network's names; what is not the network's, such as ImageNet's classifier, keeps its name.
 * Strides have no weights, so any may be set. Throws InputError naming `file` where weights are missing or of another size.
 */
export function adaptMit(
  network: MixTransformer,
  given: ReadonlyMap<string, TensorData>,
  { file }: { file: string },
): AdaptedWeights {
  const known = knownMitNames(given)
  const { weights, prefix } = unwrapNames(known.weights, { anchor: ANCHOR, file })
  if (!weights.has(ANCHOR)) {
    throw new InputError(file, 'these are not the weights of a mix transformer', {
      field: ANCHOR,
      expected: withGuess("SegFormer's ImageNet weights, such as mit_b1.pth", given.keys()),
    })
  }
  const [found, own] = [weights, network.stateDict()].map(mitSizes) as [MitSizes, MitSizes]
  if (found.words !== own.words) {
    throw new InputError(file, `weights of another architecture: ${named(found)}`, {
      expected: `the encoder is ${named(own)}`,
    })
  }
  const lacking = [...network.stateDict().keys()].filter(name => !weights.has(name))
  if (lacking.length > 0) {
    throw new InputError(file, `lacks ${lacking.length} weights of the encoder: ${kindsOf(lacking)}`, {
      expected: 'a complete file; what it lacks would be drawn at random',
    })
  }
  return { weights, folded: [...known.changed, ...(prefix === '' ? [] : [`names without ${prefix}`])] }
}

function named({ name, words }: MitSizes): string {
  return name === undefined ? words : `${name} (${words})`
}
