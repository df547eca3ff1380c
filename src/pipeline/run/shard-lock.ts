/**
 * @file Locks of a folder that one process has for itself (PREFIX), or several share, each for a shard of one work (PREFIX.WORK.2-of-8).
 * Each of both kinds is placed before it looks for the other, so that of two that come at once one at least sees the other.
 */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, InputError } from '../../errors.ts'
import { checkShard, type Shard, shardText } from '../images/shard.ts'
import { holderOf, LEASE, type Lease, type LockOptions, type Release, takeLock } from './lock-file.ts'
import { fromHere } from './run-folder.ts'
import type { ProcessIdentity } from './run-process.ts'

/** A folder, which is there, and the names of its locks. */
export interface LockPlace {
  readonly folder: string
  /** Name of the lock of the whole folder; those of shards begin with it. */
  readonly prefix: string
  /** What it is, as in "run folder". */
  readonly what: string
  /** What to do besides waiting. */
  readonly another: string
}

export interface WholeLockOptions {
  readonly lease?: Lease | undefined
  /** Told where it takes a while to see whether a process on another machine lives. */
  readonly onDoubt?: ((sentence: string) => void) | undefined
}

export interface ShardLockOptions extends WholeLockOptions {
  /** Name of the work, letters only: that of the stage. */
  readonly work: string
  readonly shard: Shard
  readonly signal?: AbortSignal | undefined
}

/** A lock of a shard that is in the folder; its process may have ended. */
interface FoundShard extends Shard {
  readonly path: string
  readonly work: string
}

/** Locks the folder for this process alone. Throws InputError when another works there, also on a shard. */
export async function lockWhole(
  place: LockPlace,
  { lease = LEASE, onDoubt }: WholeLockOptions = {},
): Promise<Release> {
  const release = await takeLock(wholeLock(place), { ...toldOf(place), held: heldBy(place) })
  try {
    const busy = await busyShard(place, { lease, onDoubt })
    if (busy !== undefined) throw busy
    for (const { path } of await foundShards(place)) await rm(path, { force: true }) // of shards that died
  } catch (error) {
    await release()
    throw error
  }
  return release
}

/**
 * Locks the folder for one shard of a work. `enter` is called by one shard at a time, with the lock: false gives it back, and
 * undefined is returned. Its `busy` is the error for another shard that is at work. Throws InputError when the folder is locked as a
 * whole, when the shard is at work already, or shards of the same work with another count are.
 */
export async function lockShard(
  place: LockPlace,
  { work, shard, lease = LEASE, onDoubt, signal }: ShardLockOptions,
  enter: (others: { busy(): Promise<InputError | undefined> }) => Promise<boolean>,
): Promise<Release | undefined> {
  checkShard(shard)
  const { folder, prefix } = place
  const own = join(folder, `${prefix}.${work}.${shard.index}-of-${shard.count}`)
  const doubts = { lease, onDoubt: (holder: ProcessIdentity) => onDoubt?.(doubtOf(holder)) }
  const leave = await takeLock(join(folder, `${prefix}.gate`), {
    ...toldOf(place),
    held: heldBy(place),
    ...doubts,
    wait: true,
    signal,
  })
  try {
    const held = ({ pid, host }: ProcessIdentity): InputError =>
      new InputError(
        fromHere(folder),
        `process ${pid} on ${host} is at work on shard ${shardText(shard)} of ${work}`,
        {
          expected: 'give each process a shard of its own',
        },
      )
    const release = await takeLock(own, { ...toldOf(place), held, ...doubts, signal })
    try {
      const whole = await holderOf(wholeLock(place))
      if (whole !== undefined) throw heldBy(place)(whole)
      const others = (await foundShards(place)).filter(({ path }) => path !== own)
      const differing = others.filter(one => one.work === work && one.count !== shard.count)
      const busy = await busyShard(place, { lease, onDoubt }, differing)
      if (busy !== undefined)
        throw new InputError(busy.file, busy.problem, {
          expected: `all shards of ${work} that are at work at once have one n: wait for it`,
        })
      if (await enter({ busy: () => busyShard(place, { lease, onDoubt }, others) })) return release
    } catch (error) {
      await release()
      throw error
    }
    await release()
    return undefined
  } finally {
    await leave()
  }
}

/** The processes that work in the folder, on all of it or on shards. Those of other machines count while their locks are there. */
export async function workersIn(place: LockPlace): Promise<ProcessIdentity[]> {
  const paths = [wholeLock(place), ...(await foundShards(place)).map(({ path }) => path)]
  const holders = await Promise.all(paths.map(path => holderOf(path)))
  return holders.flatMap(holder => holder ?? [])
}

function wholeLock({ folder, prefix }: LockPlace): string {
  return join(folder, prefix)
}

/** The error for the first of the shards whose process lives; default: of all in the folder. */
async function busyShard(
  place: LockPlace,
  { lease, onDoubt }: WholeLockOptions,
  shards?: readonly FoundShard[],
): Promise<InputError | undefined> {
  const found = shards ?? (await foundShards(place))
  if (found.length === 0) return undefined
  const tell =
    onDoubt &&
    (() => onDoubt('shards were at work here on other machines: waiting to see whether they still are'))
  const timer = tell && setTimeout(tell, 1000)
  const holders = await Promise.all(found.map(({ path }) => holderOf(path, { lease })))
  clearTimeout(timer)
  const at = holders.findIndex(holder => holder !== undefined)
  if (at < 0) return undefined
  const [{ work, ...shard }, { pid, host }] = [found[at]!, holders[at]!]
  return new InputError(
    fromHere(place.folder),
    `process ${pid} on ${host} is at work on shard ${shardText(shard)} of ${work} in this ${place.what}`,
    { expected: `wait for it or ${place.another}` },
  )
}

async function foundShards({ folder, prefix }: LockPlace): Promise<FoundShard[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  })
  return names.flatMap(name => {
    if (!name.startsWith(`${prefix}.`)) return []
    const [, work, index, count] = /^\.([a-z-]+)\.(\d+)-of-(\d+)$/.exec(name.slice(prefix.length)) ?? []
    return work === undefined
      ? []
      : [{ path: join(folder, name), work, index: Number(index), count: Number(count) }]
  })
}

function heldBy(place: LockPlace): (holder: ProcessIdentity) => InputError {
  return ({ pid, host }) =>
    new InputError(fromHere(place.folder), `process ${pid} on ${host} is working in this ${place.what}`, {
      expected: `wait for it or ${place.another}; if it is gone, delete ${fromHere(wholeLock(place))}`,
    })
}

function toldOf({ folder, what, another }: LockPlace): Pick<LockOptions, 'contended'> {
  return {
    contended: () =>
      new InputError(fromHere(folder), `other processes are locking this ${what}`, {
        expected: `wait for them or ${another}`,
      }),
  }
}

function doubtOf({ pid, host }: ProcessIdentity): string {
  return `process ${pid} on ${host} was at work here: waiting to see whether it still is`
}
