/** @file One process at a time in a run folder: a file `lock` that names process, machine and start. Imports node and errors. */
import { randomBytes } from 'node:crypto'
import { link, open, readdir, readFile, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf, InputError } from '../../errors.ts'
import { explainWriteError } from '../../io/atomic.ts'
import { fromHere, makeFolder, type RunFolder } from './run-folder.ts'
import { identify, isGone, type ProcessIdentity, parseIdentity } from './run-process.ts'

/** Releases the lock. */
export type Release = () => Promise<void>

const PATIENCE = 8_000 // ms, less than UNREADABLE_FOR: processes that replace the same stale lock wait for one another
const LONGEST_WAIT = 1500 // ms, between two tries
const UNREADABLE_FOR = 10_000 // ms: an unreadable lock older than this is of a process that died while writing

/** Locks the run folder for this process, creating it if needed; the lock of an ended process is replaced. Throws InputError
 * when another process, here or on another machine, holds it, and when the folder is not writable. */
export async function lockRun(run: RunFolder): Promise<Release> {
  await makeFolder(run.root)
  const path = join(run.root, 'lock')
  const mine = await identify(process.pid)
  const text = `${mine.pid} ${mine.host} ${mine.started}\n`
  const end = Date.now() + PATIENCE
  for (let attempt = 0; Date.now() < end; attempt++) {
    if (await placeLock(path, text)) return () => releaseLock(path, text)
    const holder = await readHolder(path)
    if (holder === undefined) continue // released meanwhile
    if (holder === 'unknown') await sleep(20 + 30 * Math.random())
    else if (await isGone(holder))
      await removeStale(path, mine, { wait: Math.min(LONGEST_WAIT, 20 * 1.2 ** attempt) })
    else throw held(run, path, holder)
  }
  throw new InputError(fromHere(run.root), 'other processes are locking this run folder', {
    expected: 'wait for them or use another --name',
  })
}

/** The process that works in the run folder; undefined when there is none, or it has ended. Changes nothing. */
export async function workerOf(run: RunFolder): Promise<ProcessIdentity | undefined> {
  const holder = await readHolder(join(run.root, 'lock'))
  return holder === undefined || holder === 'unknown' || (await isGone(holder)) ? undefined : holder
}

function held(run: RunFolder, path: string, { pid, host }: ProcessIdentity): InputError {
  return new InputError(fromHere(run.root), `process ${pid} on ${host} is working in this run folder`, {
    expected: `wait for it or use another --name; if it is gone, delete ${fromHere(path)}`,
  })
}

/** Creates the whole lock in one step; false when there is one. */
async function placeLock(path: string, text: string): Promise<boolean> {
  const temporary = join(dirname(path), `.lock.${process.pid}.${randomBytes(4).toString('hex')}.tmp`)
  try {
    await writeNew(temporary, text)
    try {
      await link(temporary, path)
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(codeOf(error) ?? '')) throw error
      await writeNew(path, text) // a disk without hard links: readers wait for the text
    }
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw explainWriteError(path, error)
  } finally {
    await rm(temporary, { force: true }).catch(() => undefined)
  }
}

async function writeNew(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx')
  try {
    await file.writeFile(text)
  } finally {
    await file.close()
  }
}

/** The holder of the lock: undefined when it was released, unknown while it is unreadable. */
async function readHolder(path: string): Promise<ProcessIdentity | 'unknown' | undefined> {
  try {
    const [text, { mtimeMs }] = [await readFile(path, 'utf8'), await stat(path)]
    const holder = parseIdentity(text)
    if (holder !== undefined) return holder
    return Date.now() - mtimeMs > UNREADABLE_FOR ? { pid: 0, host: hostname(), started: '' } : 'unknown'
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw new InputError(fromHere(path), 'the lock cannot be read', {
      expected: 'delete it if no tagmask runs in this folder',
      cause: error,
    })
  }
}

/**
 * Removes the lock of an ended process, one process at a time: each writes its own claim file, then lists those of others,
 * and gives up when there is one. So the removed lock is the one that was read.
 */
async function removeStale(path: string, mine: ProcessIdentity, { wait }: { wait: number }): Promise<void> {
  const folder = dirname(path)
  const claim = join(
    folder,
    `.lock-claim.${mine.pid}.${mine.started || 0}.${randomBytes(4).toString('hex')}.tmp`,
  )
  try {
    await writeNew(claim, '')
    for (const name of await readdir(folder)) {
      const [, pid, started = ''] = /^\.lock-claim\.(\d+)\.(\w+)\.[0-9a-f]{8}\.tmp$/.exec(name) ?? []
      if (pid === undefined || name === basename(claim)) continue
      const other = { pid: Number(pid), host: mine.host, started: started === '0' ? '' : started }
      if (!(await isGone(other))) {
        await rm(claim, { force: true })
        return await sleep(1 + wait * Math.random())
      }
      await rm(join(folder, name), { force: true })
    }
    const holder = await readHolder(path)
    if (holder !== undefined && holder !== 'unknown' && (await isGone(holder)))
      await rm(path, { force: true })
  } catch (error) {
    throw explainWriteError(path, error)
  } finally {
    await rm(claim, { force: true }).catch(() => undefined)
  }
}

/** Keeps a lock that another process holds by now. */
async function releaseLock(path: string, text: string): Promise<void> {
  const found = await readFile(path, 'utf8').catch(() => undefined)
  if (found === text) await rm(path, { force: true })
}
