/** @file Lets work on several images run at once as long as their memory allows. Imports nothing. */
export interface MemoryGate {
  /** Bytes that one step may take when it has the memory for itself. */
  budget(): number
  /** Takes `bytes` once they are free; alone, if they never are. The function that is returned gives them back. */
  enter(bytes: number): Promise<() => void>
}

/** `now`: bytes that may be taken at this moment, which work that is running has already lessened. */
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
