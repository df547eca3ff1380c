/** @file Where a training of several processes begins: process 0 has read the checkpoint, and all have its tensors. */
import type { TensorData } from '../../io/tensor-data.ts'
import { ops, scope, type Tensor } from '../../torch/index.ts'
import type { TrainingState } from '../checkpoint.ts'
import type { Position } from '../position.ts'
import type { Processes } from './processes.ts'

interface Shared {
  /** Undefined: it was trained before. */
  readonly at: Position | null
  readonly steps: number
  /** The optimiser's averages. */
  readonly averages: readonly { readonly name: string; readonly shape: readonly number[] }[]
}

/**
 * The position that `read` finds in process 0, and its weights, averages and memory in all; undefined when it says that the
 * training is done. Random numbers are not shared: each process draws its own.
 */
export async function sharedStart(
  processes: Processes,
  { network, optimiser, memory = new Map() }: TrainingState,
  read: () => Promise<Position | undefined>,
): Promise<Position | undefined> {
  const { at, steps, averages } = await processes.share<Shared>(async () => {
    const found = (await read()) ?? null
    const { tensors, steps } = optimiser.state()
    return { at: found, steps, averages: [...tensors].map(([name, { shape }]) => ({ name, shape })) }
  })
  if (at === null) return undefined
  const { group } = processes
  await group.broadcast([...network.stateDict().values(), ...memory.values()])
  if (steps === 0) return at
  if (processes.leads) await group.broadcast([...optimiser.state().tensors.values()])
  else {
    const device = network.stateDict().values().next().value?.device
    const given = averages.map(({ name, shape }) => [name, ops.zeros(shape, { device })] as const)
    try {
      await group.broadcast(given.map(([, tensor]) => tensor))
      optimiser.loadState(dataOf(given), steps)
    } finally {
      for (const [, tensor] of given) tensor.dispose()
    }
  }
  return at
}

function dataOf(tensors: readonly (readonly [string, Tensor])[]): Map<string, TensorData> {
  return new Map(scope(() => tensors.map(([name, tensor]) => [name, tensor.toData()] as const)))
}
