/** @file One process at a time in a run folder, or several shards of one stage. Imports node and errors. */
import type { Release } from './lock-file.ts'
import { makeFolder, type RunFolder } from './run-folder.ts'
import type { ProcessIdentity } from './run-process.ts'
import { type LockPlace, lockWhole, type WholeLockOptions, workersIn } from './shard-lock.ts'

/** The locks of a run folder: `lock`, and `lock.STAGE.2-of-8` for a shard of a stage. */
export function lockPlace({ root }: RunFolder): LockPlace {
  return { folder: root, prefix: 'lock', what: 'run folder', another: 'use another --name' }
}

/** Locks the run folder for this process, creating it if needed; the lock of an ended process is replaced. Throws InputError
 * when another process, here or on another machine, holds it or a shard of it, and when the folder is not writable. */
export async function lockRun(run: RunFolder, options: WholeLockOptions = {}): Promise<Release> {
  await makeFolder(run.root)
  return lockWhole(lockPlace(run), options)
}

/** The process that works in the run folder, or one of its shards; undefined when there is none, or they have ended. Changes nothing. */
export async function workerOf(run: RunFolder): Promise<ProcessIdentity | undefined> {
  const [worker] = await workersIn(lockPlace(run))
  return worker
}
