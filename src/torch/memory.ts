/** @file Memory of tensors: live handles, and the bytes of the caching CPU allocator. */
import { native } from './native.ts'

export interface MemoryStats {
  /** Tensor handles of this thread not yet disposed; the bytes below are the whole process's. */
  readonly live: number
  /** Bytes of CPU tensors in use, and their peak since `resetPeak`. */
  readonly used: number
  readonly peak: number
  /** Freed bytes kept for reuse. */
  readonly cached: number
  /** Bytes of the machine, or of its control group; allocations beyond it fail as out of memory. */
  readonly limit: number
}

export function memory(): MemoryStats {
  return native.memory()
}

export function resetPeak(): void {
  native.resetPeak()
}

/** Gives the freed blocks back to the system. */
export function emptyCache(): void {
  native.emptyCache()
}
