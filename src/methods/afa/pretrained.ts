/** @file What AFA starts from: weights of its encoder, or a checkpoint of its own, also as the authors' training writes it. */
import type { TensorData } from '../../io/tensor-data.ts'
import { loadAdapted } from '../../models/adapted-weights.ts'
import type { LoadedWeights } from '../../models/loaded-weights.ts'
import { unwrapNames } from '../../models/weight-names.ts'
import { scope, type Tensor } from '../../torch/index.ts'
import type { Afa } from './model.ts'

const ENCODER = 'encoder.'

/** Their shapes tell the classes. */
const OF_CLASSES = ['classifier.weight', 'decoder.linear_pred.weight', 'decoder.linear_pred.bias']

/**
 * Loads what the file holds by name; `module.` and the like are taken off, ImageNet's classifier is left out, and heads of
 * other classes stay as they were drawn. Throws InputError naming `file`.
 */
export function loadAfa(
  network: Afa,
  given: ReadonlyMap<string, TensorData>,
  { file }: { file: string },
): LoadedWeights {
  return scope(() => {
    const { weights, prefix } = unwrapNames(given, { anchor: 'classifier.weight', file })
    const inEncoder = [...weights].filter(([name]) => name.startsWith(ENCODER))
    const own = new Map(inEncoder.map(([name, value]) => [name.slice(ENCODER.length), value]))
    const encoder = network.adaptEncoder(own.size > 0 ? own : weights, { file })
    const source = new Map<string, Tensor | TensorData>()
    for (const [name, value] of encoder.weights) source.set(ENCODER + name, value)
    const heads = own.size > 0 ? [...weights].filter(([name]) => !name.startsWith(ENCODER)) : []
    for (const [name, value] of heads) source.set(name, value)
    const shapes = network.stateDict()
    const others = OF_CLASSES.some(
      name => source.has(name) && source.get(name)!.shape.join() !== shapes.get(name)!.shape.join(),
    )
    if (others) for (const name of OF_CLASSES) source.delete(name)
    const folded = [...(prefix === '' ? [] : [`names without ${prefix}`]), ...encoder.folded]
    return loadAdapted(network, { weights: source, folded }, { file, expected: 'weights of the same AFA' })
  })
}
