/** @file What tensors hold: live handles, and the bytes of the caching CPU allocator. */
import { TorchError } from '../errors.ts'
import { native } from './native.ts'

export interface MemoryStats {
  /** Tensor handles of this thread not yet disposed; the bytes below are the whole process's. */
  readonly live: number
  /** Bytes of CPU tensors in use, and their peak since `resetPeak`. */
  readonly used: number
  readonly peak: number
  /** Freed bytes kept for reuse. */
  readonly cached: number
  /** Bytes of the machine, or of its control group: what would go beyond is refused as out of memory. */
  readonly limit: number
}

export function memory(): MemoryStats {
  return native.memory()
}

export function resetPeak(): void {
  native.resetPeak()
}

/** Whether libtorch refused an operator because memory is short: the CPU's, a GPU's or an ArrayBuffer's. */
export function isOutOfMemory(error: unknown): boolean {
  return (
    error instanceof TorchError && error.cause instanceof Error && OUT_OF_MEMORY.test(error.cause.message)
  )
}

const OUT_OF_MEMORY =
  /out of memory|bad_alloc|DefaultCPUAllocator: (can't allocate|not enough) memory|Array buffer allocation failed/i

/** Gives the freed blocks back to the system. */
export function emptyCache(): void {
  native.emptyCache()
}
