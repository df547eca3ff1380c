/** @file `tagmask runs remove`: deletes what tagmask made in a run folder, and nothing else. Imports no torch. */
import { readdir, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { InputError } from '../../errors.ts'
import { explainWriteError } from '../../io/atomic.ts'
import { fromHere, RUN_MARK, type RunFolder, runFolder } from '../run/run-folder.ts'
import { lockRun } from '../run/run-lock.ts'
import { isOurs } from '../run/run-place.ts'
import { bytesOf, type FoundFile, filesBelow, splitFiles } from './run-files.ts'

/** What a removal would do. */
export interface Removal {
  readonly run: RunFolder
  /** Deleted. */
  readonly ours: readonly FoundFile[]
  readonly bytes: number
  /** Kept: no stage made them. */
  readonly others: readonly FoundFile[]
}

/** Looks at a run folder before it is removed. Changes nothing. Throws InputError where it is not tagmask's. */
export async function planRemoval(root: string): Promise<Removal> {
  const run = runFolder(root)
  const names = await readdir(run.root).catch((): string[] => [])
  if (!names.includes(RUN_MARK) || !(await isOurs(run.root, names)))
    throw new InputError(fromHere(run.root), `is not removed: it has no ${RUN_MARK}, tagmask's mark`, {
      expected: 'delete it yourself if it is yours',
    })
  const { ours, others } = await splitFiles(run, await filesBelow(run.root))
  return { run, ours, bytes: bytesOf(ours), others }
}

/**
 * Deletes our files and the folders that are then empty; the mark last, so that a removal that was stopped can be repeated.
 * Throws InputError where a process works in the run folder.
 */
export async function removeRun({ run, ours }: Removal): Promise<void> {
  const release = await lockRun(run)
  const mark = join(run.root, RUN_MARK)
  try {
    for (const { path } of ours) if (path !== RUN_MARK && path !== 'lock') await remove(join(run.root, path))
    const folders = new Set(ours.flatMap(({ path }) => foldersOf(path)))
    for (const made of [run.stages, run.checkpoints, run.maps, run.masks, run.images])
      folders.add(made.slice(run.root.length + 1))
    for (const folder of [...folders].sort((a, b) => b.length - a.length))
      await rmdir(join(run.root, folder)).catch(() => undefined) // another's file is in it
    await remove(mark)
  } finally {
    await release()
  }
  await rmdir(run.root).catch(() => undefined)
}

async function remove(path: string): Promise<void> {
  await rm(path, { force: true }).catch((error: unknown) => {
    throw explainWriteError(path, error)
  })
}

/** "a/b/c.png": "a/b" and "a". */
function foldersOf(path: string): string[] {
  const above = dirname(path)
  return above === '.' ? [] : [above, ...foldersOf(above)]
}
