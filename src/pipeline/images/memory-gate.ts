/** @file Limits parallel work to the free memory. Imports nothing. */
export interface MemoryGate {
  /** Bytes that a step running alone may take. */
  budget(): number
  /** Reserves `bytes` once they are free or nothing else runs; the returned function releases them. */
  enter(bytes: number): Promise<() => void>
}

/** `now`: bytes free at this moment, without those of running work. */
export function memoryGate(now: () => number): MemoryGate {
  let used = 0
  let total = now()
  const waiting: (() => void)[] = []
  const budget = (): number => {
    if (used === 0) total = now()
    return total
  }
  return {
    budget,
    async enter(bytes) {
      while (used > 0 && used + bytes > budget()) await new Promise<void>(resolve => waiting.push(resolve))
      budget()
      used += bytes
      return () => {
        used -= bytes
        for (const wake of waiting.splice(0)) wake()
      }
    },
  }
}
