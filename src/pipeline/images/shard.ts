/** @file One of n parts of a list of images, for processes that share the work of one machine or several. Imports errors only. */
import { InputError } from '../../errors.ts'

/** Part `index` of `count`, from 1 to `count`. */
export interface Shard {
  readonly index: number
  readonly count: number
  /** Neighbours in the list that stay together, from its begin; default: every item for itself. */
  readonly block?: number
}

/** Most parts that one list is cut into. */
const MOST_SHARDS = 100_000

/** Reads `i/n`. Throws an Error that says what is expected. */
export function parseShard(text: string): Shard {
  const [, index, count] = /^(\d{1,9})\/(\d{1,9})$/.exec(text.trim()) ?? []
  const shard = { index: Number(index), count: Number(count) }
  if (isShard(shard)) return shard
  const counts = index === '0' ? '; where indices count from 0, add 1' : ''
  throw new Error(`expected i/n with i from 1 to n, as in 2/8${counts}`)
}

/** Throws InputError for numbers that are no part. */
export function checkShard(shard: Shard): void {
  if (!isShard(shard))
    throw new InputError('shard', `is ${shardText(shard)}`, {
      expected: `expected i/n with i from 1 to n, n at most ${MOST_SHARDS}`,
    })
}

function isShard({ index, count }: Shard): boolean {
  const whole = Number.isInteger(index) && Number.isInteger(count)
  return whole && index >= 1 && index <= count && count <= MOST_SHARDS
}

/** "2/8" */
export function shardText({ index, count }: Shard): string {
  return `${index}/${count}`
}

/** "maps, shard 2/8"; without a shard the words alone. */
export function ofShard(words: string, shard: Shard | undefined): string {
  return shard === undefined ? words : `${words}, shard ${shardText(shard)}`
}

/**
 * Every n-th item of the list sorted by id, in the order of the list, or every n-th block of the list; all of them without a shard. The
 * parts are disjoint and make up the whole, whatever is done already.
 */
export function shardOf<T extends { readonly id: string }>(
  items: readonly T[],
  shard: Shard | undefined,
): readonly T[] {
  if (shard === undefined) return items
  const { index, count, block } = shard
  if (block !== undefined) return items.filter((_, at) => Math.floor(at / block) % count === index - 1)
  const ids = items.map(({ id }) => id)
  const order = ids
    .map((_, at) => at)
    .sort((a, b) => (ids[a]! < ids[b]! ? -1 : ids[a]! > ids[b]! ? 1 : a - b))
  const own = new Set(order.filter((_, rank) => rank % count === index - 1))
  return items.filter((_, at) => own.has(at))
}
