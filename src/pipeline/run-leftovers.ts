/** @file Files that a killed process left half written: the temporary names of src/io/atomic.ts. Imports node only. */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isRunning } from './run-process.ts'

// ".NAME.PID.RANDOM.tmp", or ".tagmask-PLACE-PID-START-RANDOM.tmp"
const TEMPORARY = /^\.(?:.+\.(\d+)(?:\.\w+)?\.|tagmask-[0-9a-f]{8}-(\d+)-\d+-)[0-9a-f]{8}\.tmp$/

/**
 * Removes them from a folder and those below it, as far as their process is gone. For folders that no other machine
 * writes into: call it under the lock.
 */
export async function removeLeftovers(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  await Promise.all(
    entries.map(async entry => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return removeLeftovers(path)
      const [, named, placed] = TEMPORARY.exec(entry.name) ?? []
      const pid = named ?? placed
      if (entry.isFile() && pid !== undefined && !isRunning(Number(pid))) await rm(path, { force: true })
    }),
  )
}
