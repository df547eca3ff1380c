/**
 * @file tagmask-masks.jsonl: which files of a folder we made, from what, and with what. A line is added before its file is
 * written, so that a process killed at any moment leaves no file that is not in it. Shards have records of their own,
 * tagmask-masks.2-of-8.jsonl, until a pass over all writes one. Imports no torch.
 */
import { appendFile, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../../errors.ts'
import { explainWriteError, writeFileAtomic } from '../../io/atomic.ts'
import type { Shard } from '../images/shard.ts'
import { hashOf, hashOfFile, type Origin } from '../run/file-origin.ts'

const RECORD = 'tagmask-masks.jsonl'
const OF_SHARD = /^tagmask-masks\.\d+-of-\d+\.jsonl$/
/** Names in the folder, in overlays/ and in the folders of report/, never elsewhere. */
const PLACES = /^(overlays\/|report\/[a-z-]+\/)?(?!\.{1,2}$)[^/\0]+$/
const KIND = { kind: 'tagmask masks', format: 1 }

/** What made masks: everything in `settings` decides the result. */
export interface Maker {
  /** Hash of the settings and of the weights' content. */
  readonly key: string
  readonly command: string
  /** Run folder and name of its recipe, where there are. */
  readonly run: string | null
  readonly recipe: string | null
  /** Hash of the weights' content. */
  readonly weights: string | null
  readonly settings: unknown
}

/** A maker with its key. */
export function makerOf(maker: Omit<Maker, 'key'>): Maker {
  const { command, weights, settings } = maker
  return { key: hashOf(JSON.stringify([command, weights, settings])).slice(0, 32), ...maker }
}

/** One file: its path in the folder, the hash of its bytes, the key of its maker, and what it was made from. */
export interface Made {
  readonly file: string
  readonly hash: string
  readonly by: string
  readonly from: readonly Origin[]
}

export interface OutRecord {
  readonly makers: ReadonlyMap<string, Maker>
  readonly made: ReadonlyMap<string, Made>
}

/**
 * What all records of the folder say; of two that name a file, the one holds that is of its bytes. Undefined when there is none. Throws
 * InputError when one is damaged; a last line cut short is left out.
 */
export async function readRecord(folder: string): Promise<OutRecord | undefined> {
  const names = [RECORD, ...(await shardRecords(folder))]
  const records = (await Promise.all(names.map(name => readOne(join(folder, name))))).flatMap(
    one => one ?? [],
  )
  const [first, ...others] = records
  if (first === undefined || others.length === 0) return first
  const makers = new Map(records.flatMap(one => [...one.makers]))
  const made = new Map(first.made)
  for (const entry of others.flatMap(one => [...one.made.values()])) {
    const known = made.get(entry.file)
    const isOf =
      known === undefined || (await hashOfFile(join(folder, entry.file)).catch(() => '')) === entry.hash
    if (isOf) made.set(entry.file, entry)
  }
  return { makers, made }
}

/** What the shard's own record says. */
export async function readShardRecord(folder: string, shard: Shard): Promise<OutRecord> {
  return (await readOne(join(folder, nameOf(shard)))) ?? { makers: new Map(), made: new Map() }
}

async function shardRecords(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).filter(name => OF_SHARD.test(name)).sort()
}

const nameOf = (shard: Shard | undefined): string =>
  shard === undefined ? RECORD : `tagmask-masks.${shard.index}-of-${shard.count}.jsonl`

async function readOne(path: string): Promise<OutRecord | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw damaged(path, error)
  })
  if (text === undefined) return undefined
  const makers = new Map<string, Maker>()
  const made = new Map<string, Made>()
  const [first, ...lines] = text.split('\n')
  if (first !== JSON.stringify(KIND)) throw damaged(path)
  for (const [i, line] of lines.entries()) {
    const value = parseLine(line)
    if (value === undefined && i < lines.length - 1 && line !== '') throw damaged(path)
    if (value !== undefined && 'key' in value) makers.set(value.key, value)
    if (value !== undefined && 'file' in value) made.set(value.file, value)
  }
  return { makers, made }
}

/** Writes it whole, atomically; that of all takes the place of those of shards. */
export async function writeRecord(
  folder: string,
  { makers, made }: OutRecord,
  { shard }: { shard?: Shard | undefined } = {},
): Promise<void> {
  const lines = [KIND, ...makers.values(), ...made.values()].map(value => JSON.stringify(value))
  await writeFileAtomic(join(folder, nameOf(shard)), `${lines.join('\n')}\n`)
  if (shard === undefined)
    for (const name of await shardRecords(folder)) await rm(join(folder, name), { force: true })
}

/** Adds one file, before it is written. */
export async function appendMade(
  folder: string,
  made: Made,
  { shard }: { shard?: Shard | undefined } = {},
): Promise<void> {
  const path = join(folder, nameOf(shard))
  await appendFile(path, `${JSON.stringify(made)}\n`).catch((error: unknown) => {
    throw explainWriteError(path, error)
  })
}

function parseLine(line: string): Maker | Made | undefined {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null) return undefined
    if ('key' in value && typeof value.key === 'string') return value as Maker
    const isMade =
      'file' in value &&
      'hash' in value &&
      'by' in value &&
      'from' in value &&
      typeof value.file === 'string' &&
      PLACES.test(value.file) &&
      typeof value.hash === 'string' &&
      typeof value.by === 'string' &&
      Array.isArray(value.from)
    return isMade ? (value as Made) : undefined
  } catch {
    return undefined
  }
}

function damaged(path: string, cause?: unknown): InputError {
  return new InputError(path, 'is damaged, so that it is not known which masks are ours', {
    expected: 'nothing was changed; give a new or empty folder',
    cause,
  })
}
