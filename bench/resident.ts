/** @file Resident memory of this process, bytes. */
import { readFileSync, writeFileSync } from 'node:fs'

/** Now, and the highest since `resetPeakResident`. */
export function resident(): { now: number; peak: number } {
  const status = readFileSync('/proc/self/status', 'utf8')
  const of = (key: string): number =>
    1024 * Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(status)?.[1])
  return { now: of('VmRSS'), peak: of('VmHWM') }
}

/** The kernel's high-water mark is set to what is resident now; where it refuses, the mark is that of the whole process. */
export function resetPeakResident(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5')
  } catch {}
}
