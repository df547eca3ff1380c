/** @file Whether others keep the processor busy: then times say little, and only ratios are worth reading. */
import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'

/** Cores in use by others above which a machine is busy. */
export const BUSY = 0.5

/** Cores in use over the next `seconds`, in which the caller does nothing; 0 where the system does not say. */
export async function coresInUse({ seconds = 1 }: { seconds?: number } = {}): Promise<number> {
  const before = processorTimes()
  await setTimeout(1000 * seconds)
  return coresBetween(before, processorTimes())
}

/** From two readings of /proc/stat. Time that a virtual machine waits for its processor is in use, by its neighbours. */
export function coresBetween(before: string, after: string): number {
  const [a, b] = [times(before), times(after)]
  const total = b.total - a.total
  return total > 0 ? (b.cores * (b.used - a.used)) / total : 0
}

/** "busy: ratios only (others used 1.7 of 2 cores)"; undefined on a machine that is not busy. */
export function busyLine(inUse: number, { cores }: { cores: number }): string | undefined {
  if (inUse <= BUSY) return undefined
  return `busy: ratios only (others used ${inUse.toFixed(1)} of ${cores} cores)`
}

function processorTimes(): string {
  try {
    return readFileSync('/proc/stat', 'utf8')
  } catch {
    return ''
  }
}

function times(stat: string): { cores: number; used: number; total: number } {
  const fields = /^cpu +(.*)$/m.exec(stat)?.[1]?.split(' ').map(Number) ?? []
  const [user = 0, nice = 0, system = 0, idle = 0, waiting = 0, hard = 0, soft = 0, stolen = 0] = fields
  const used = user + nice + system + hard + soft + stolen
  return { cores: stat.match(/^cpu\d/gm)?.length ?? 0, used, total: used + idle + waiting }
}
