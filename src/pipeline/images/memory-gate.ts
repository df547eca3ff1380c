/** @file Lets work on several images run at once as long as their memory allows. Imports io. */
import { memoryBudget } from '../../io/available-memory.ts'

export interface MemoryGate {
  /** Bytes that one step may take when it has the memory for itself. */
  budget(): number
  /** Runs the work once `bytes` are free; alone, if they never are. */
  run<T>(bytes: number, work: () => Promise<T>): Promise<T>
}

/** `now`: what may be taken at this moment, which work that is running has already lessened. */
export function memoryGate({ now = memoryBudget }: { now?: () => number } = {}): MemoryGate {
  let used = 0
  let total = now()
  const waiting: (() => void)[] = []
  const budget = (): number => {
    if (used === 0) total = now()
    return total
  }
  return {
    budget,
    async run(bytes, work) {
      while (used > 0 && used + bytes > budget()) await new Promise<void>(resolve => waiting.push(resolve))
      budget()
      used += bytes
      try {
        return await work()
      } finally {
        used -= bytes
        for (const wake of waiting.splice(0)) wake()
      }
    },
  }
}
