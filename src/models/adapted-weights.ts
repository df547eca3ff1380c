/** @file Loads weights under a network's own names; errors name the file. */
import { InputError } from '../errors.ts'
import type { TensorData } from '../io/tensor-data.ts'
import { type Module, StateDictError } from '../nn/index.ts'
import type { Tensor } from '../torch/index.ts'
import { isHarmless, type LoadedWeights } from './loaded-weights.ts'

export interface AdaptedWeights {
  readonly weights: ReadonlyMap<string, Tensor | TensorData>
  /** Weights folded into others, in words. */
  readonly folded: readonly string[]
}

/**
 * Throws InputError naming `file`, with what was `expected`, where a shape differs or, under `strict`, a name; unknown names are
 * said then, too.
 */
export function loadAdapted(
  network: Pick<Module, 'loadStateDict'>,
  { weights, folded }: AdaptedWeights,
  { file, expected, strict = false }: { file: string; expected: string; strict?: boolean },
): LoadedWeights {
  try {
    return { ...network.loadStateDict(weights, { strict }), ...(folded.length > 0 && { folded }) }
  } catch (cause) {
    if (!(cause instanceof StateDictError)) throw cause
    const before = folded.length === 0 ? '' : `; before that: ${folded.join(', ')}`
    const { unexpected, misshaped } = cause
    const { message } = strict
      ? cause
      : new StateDictError(
          [],
          unexpected.filter(name => !isHarmless(name)),
          misshaped,
        ) // what is missing is drawn
    throw new InputError(file, `${message}${before}`, { expected, cause })
  }
}
