/** @file The files of a training in its folder. Imports no torch. */
import { join } from 'node:path'

export const checkpointFiles = (folder: string) => ({
  /** Everything needed to resume. */
  state: join(folder, 'state.safetensors'),
  /** Weights alone, under PyTorch's names. */
  last: join(folder, 'last.safetensors'),
  best: join(folder, 'best.safetensors'),
})
