/** @file The files of a training in its folder. Imports no torch. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Paths of states, which nothing needs once their training has ended. */
export const STATES = /\/state\.[^/]*$/

export const checkpointFiles = (folder: string) => ({
  /** Everything needed to resume. */
  state: join(folder, 'state.safetensors'),
  /** Weights alone, under PyTorch's names. */
  last: join(folder, 'last.safetensors'),
  best: join(folder, 'best.safetensors'),
})

/** Whether a training has ended and its state was removed: the last weights are written at the end alone. */
export async function hasOnlyWeights(folder: string): Promise<boolean> {
  const { state, last } = checkpointFiles(folder)
  const isThere = (file: string): Promise<boolean> =>
    stat(file).then(
      () => true,
      () => false,
    )
  return (await isThere(last)) && !(await isThere(state))
}
