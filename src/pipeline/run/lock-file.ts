/** @file A lock: a file that names process, machine and start of its holder. That of an ended process is replaced. Imports node and errors. */
import { randomBytes } from 'node:crypto'
import { link, open, readdir, readFile, rm, stat, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf, InputError } from '../../errors.ts'
import { explainWriteError } from '../../io/atomic.ts'
import { fromHere } from './run-folder.ts'
import { identify, isGone, type ProcessIdentity, parseIdentity } from './run-process.ts'

/** Releases the lock. */
export type Release = () => Promise<void>

/** A lock that its holder renews: one of another machine that is not renewed is of a process that died. */
export interface Lease {
  /** Milliseconds between two renewals. */
  readonly every: number
  /** Milliseconds without one after which the holder is dead. */
  readonly patience: number
}

/** Renewal is a timer: it waits while the network computes an image. */
export const LEASE: Lease = { every: 20_000, patience: 60_000 }

export interface LockOptions {
  /** The error where another process has it. */
  readonly held: (holder: ProcessIdentity) => Error
  /** The error where processes that replace the lock of an ended one do not come to an end. */
  readonly contended: () => Error
  /** Wait until its holder releases it; default: `held` is thrown. */
  readonly wait?: boolean
  /** Default: it is not renewed, and one of another machine stays until somebody deletes it. */
  readonly lease?: Lease | undefined
  /** Told once where it takes a while to see whether the holder lives. */
  readonly onDoubt?: ((holder: ProcessIdentity) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** What was read of a lock: its holder, and when it was last renewed. */
interface Found {
  readonly holder: ProcessIdentity
  readonly renewed: number
}

const PATIENCE = 8_000 // ms, less than UNREADABLE_FOR: processes that replace the same stale lock wait for one another
const LONGEST_WAIT = 1500 // ms, between two tries
const CLAIM = /^\.lock-claim\.\d+\.\w+\.[0-9a-f]{8}\.tmp$/
const UNREADABLE_FOR = 10_000 // ms: an unreadable lock older than this is of a process that died while writing

/** Takes the lock for this process; its folder is there. Throws what the options say, and the signal's reason. */
export async function takeLock(path: string, options: LockOptions): Promise<Release> {
  const { held, contended, wait = false, lease, onDoubt, signal } = options
  const mine = await identify(process.pid)
  const text = `${mine.pid} ${mine.host} ${mine.started}\n`
  const life = watchLife(lease)
  let doubted = false
  let end = wait ? Number.POSITIVE_INFINITY : Date.now() + PATIENCE
  for (let attempt = 0; Date.now() < end; attempt++) {
    signal?.throwIfAborted()
    if (await placeLock(path, text)) return holding(path, text, lease)
    const found = await readLock(path)
    if (found === undefined) continue // released meanwhile
    if (found === 'unknown') {
      await sleep(20 + 30 * Math.random())
      continue
    }
    const state = await life(found)
    if (state === 'dead') {
      const isDead = async (now: Found): Promise<boolean> => (await life(now)) === 'dead'
      await removeStale(path, mine, { wait: Math.min(LONGEST_WAIT, 20 * 1.2 ** attempt), isDead })
    } else if (state === 'alive' && !wait) throw held(found.holder)
    else {
      if (state === 'doubtful' && !doubted) onDoubt?.(found.holder)
      doubted ||= state === 'doubtful'
      const began = Date.now()
      await sleep(state === 'doubtful' ? lease!.patience / 30 : 50)
      end += Date.now() - began
    }
  }
  throw contended()
}

/** The process that holds the lock; undefined where there is none, or it has ended. With a lease it takes a while to see that of another machine. */
export async function holderOf(
  path: string,
  { lease }: { lease?: Lease | undefined } = {},
): Promise<ProcessIdentity | undefined> {
  const life = watchLife(lease)
  for (;;) {
    const found = await readLock(path)
    if (found === undefined || found === 'unknown') return undefined
    const state = await life(found)
    if (state === 'dead') return undefined
    if (state === 'alive') return found.holder
    await sleep(lease!.patience / 30)
  }
}

/** Of locks seen one after another: whether the holder lives. On another machine that shows by renewals alone. */
function watchLife(lease: Lease | undefined): (found: Found) => Promise<'alive' | 'dead' | 'doubtful'> {
  let seen: { name: string; renewed: number; since: number } | undefined
  return async ({ holder, renewed }) => {
    if (await isGone(holder)) return 'dead'
    if (lease === undefined || holder.host === hostname()) return 'alive'
    const name = `${holder.pid} ${holder.host} ${holder.started}`
    if (seen?.name !== name) seen = { name, renewed, since: Date.now() }
    if (seen.renewed !== renewed) return 'alive'
    return Date.now() - seen.since > lease.patience ? 'dead' : 'doubtful'
  }
}

/** Renews the lock until it is released. */
function holding(path: string, text: string, lease: Lease | undefined): Release {
  const renew = async (): Promise<void> => {
    const now = new Date()
    if ((await readFile(path, 'utf8')) === text) await utimes(path, now, now)
  }
  const timer = lease && setInterval(() => void renew().catch(() => undefined), lease.every)
  timer?.unref()
  return async () => {
    clearInterval(timer)
    await releaseLock(path, text)
  }
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

/** Undefined when it was released, unknown while it is unreadable. */
async function readLock(path: string): Promise<Found | 'unknown' | undefined> {
  try {
    const file = await open(path, 'r') // on a network disk this is what shows the latest renewal
    try {
      const [text, { mtimeMs }] = [await file.readFile('utf8'), await file.stat()]
      const holder = parseIdentity(text)
      if (holder !== undefined) return { holder, renewed: mtimeMs }
      const died = Date.now() - mtimeMs > UNREADABLE_FOR
      return died ? { holder: { pid: 0, host: hostname(), started: '' }, renewed: mtimeMs } : 'unknown'
    } finally {
      await file.close()
    }
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
async function removeStale(
  path: string,
  mine: ProcessIdentity,
  { wait, isDead }: { wait: number; isDead: (found: Found) => Promise<boolean> },
): Promise<void> {
  const folder = dirname(path)
  const claim = join(
    folder,
    `.lock-claim.${mine.pid}.${mine.started || 0}.${randomBytes(4).toString('hex')}.tmp`,
  )
  try {
    await writeNew(claim, `${mine.pid} ${mine.host} ${mine.started}\n`)
    const { mtimeMs: now } = await stat(claim) // by the clock of the disk
    for (const name of await readdir(folder)) {
      if (!CLAIM.test(name) || name === basename(claim)) continue
      if (!(await isAbandoned(join(folder, name), now))) {
        await rm(claim, { force: true })
        return await sleep(1 + wait * Math.random())
      }
      await rm(join(folder, name), { force: true })
    }
    const found = await readLock(path)
    if (found !== undefined && found !== 'unknown' && (await isDead(found))) await rm(path, { force: true })
  } catch (error) {
    throw explainWriteError(path, error)
  } finally {
    await rm(claim, { force: true }).catch(() => undefined)
  }
}

/** Whether the process that made a claim has ended; of another machine: whether its claim is old. */
async function isAbandoned(claim: string, now: number): Promise<boolean> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(claim, 'utf8'), stat(claim)])
    const holder = parseIdentity(text)
    if (holder === undefined || holder.host !== hostname()) return now - mtimeMs > UNREADABLE_FOR
    return isGone(holder)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return true
    throw error
  }
}

/** Keeps a lock that another process holds by now. */
async function releaseLock(path: string, text: string): Promise<void> {
  const found = await readFile(path, 'utf8').catch(() => undefined)
  if (found === text) await rm(path, { force: true })
}
