/** @file Seeds and random state: the same ones make a run on the CPU repeat bit for bit. */
import { native } from './native.ts'
import { Tensor } from './tensor.ts'

/** Seeds libtorch's generators of every device. */
export function manualSeed(seed: number): void {
  native.manualSeed(seed)
}

/** The generator's state as bytes, to be kept in a checkpoint. */
export function randomState(device = 'cpu'): Tensor {
  return new Tensor(native.randomState(device))
}

export function setRandomState(state: Tensor, device = 'cpu'): void {
  native.setRandomState(device, state.handle)
}
