/** @file Which rows became slower since their last entry: by shares of the floor and ratios to the peer, never by times. */
import type { Entry } from './history.ts'

/** A loss of more than this share is named. */
export const SLOWER = 0.1

export interface Slower {
  readonly before: Entry
  readonly now: Entry
  /** What fell, and its part of before: 0.8 is a fifth less. */
  readonly of: 'share' | 'ratio'
  readonly part: number
}

export interface Comparison {
  readonly slower: readonly Slower[]
  /** Rows with an entry before. */
  readonly compared: number
  /** Rows without one of the same kind of machine. */
  readonly fresh: number
  /** Rows measured while others used the machine: they say nothing. */
  readonly busy: number
}

/** The last entry of each row, machine kind, device and precision, and those among `entries` that came before. */
export function compareLast(entries: readonly Entry[]): Comparison {
  const now = new Map(entries.map(entry => [kindOf(entry), entry]))
  return compareWith([...now.values()], entries)
}

/** Each of `now` with the last entry of its kind before it in `entries`, on a machine that was not busy. */
export function compareWith(now: readonly Entry[], entries: readonly Entry[]): Comparison {
  const slower: Slower[] = []
  const counts = { compared: 0, fresh: 0, busy: 0 }
  for (const entry of now) {
    const at = entries.lastIndexOf(entry)
    const earlier = at < 0 ? entries : entries.slice(0, at)
    const before = earlier.findLast(other => !other.busy && kindOf(other) === kindOf(entry))
    const outcome = entry.busy ? 'busy' : before === undefined ? 'fresh' : 'compared'
    counts[outcome]++
    if (outcome === 'compared') slower.push(...fallen(before!, entry))
  }
  return { slower, ...counts }
}

function kindOf({ machine, device, row, precision }: Entry): string {
  const { processor, cores, threads, libtorch, blas } = machine
  return JSON.stringify([processor, cores, threads, libtorch, blas, device, row, precision])
}

/** Only what was measured against the same floor or peer is compared. */
function fallen(before: Entry, now: Entry): Slower[] {
  const parts = [
    { of: 'share', a: before.share, b: now.share, same: before.floor === now.floor },
    { of: 'ratio', a: before.ratio, b: now.ratio, same: before.peer === now.peer },
  ] as const
  return parts.flatMap(({ of, a, b, same }) =>
    same && a !== null && b !== null && b < (1 - SLOWER) * a ? [{ before, now, of, part: b / a }] : [],
  )
}

/** A line for each row that became slower, and one for all of them. */
export function comparisonLines({ slower, compared, fresh, busy }: Comparison): string[] {
  const counts = [
    `${compared} compared with ${compared === 1 ? 'its' : 'their'} last entry on this kind of machine`,
    ...(fresh > 0 ? [`${fresh} new`] : []),
    ...(busy > 0 ? [`${busy} not compared: others used the machine`] : []),
  ].join(', ')
  const rows = new Set(slower.map(({ now }) => `${now.row} ${now.precision}`)).size
  const sum =
    rows === 0
      ? `no row is more than ${100 * SLOWER} % slower`
      : `${rows} slower by more than ${100 * SLOWER} %`
  return [...slower.map(slowerLine), `${sum}: ${counts}`]
}

function slowerLine({ before, now, of, part }: Slower): string {
  const shown = (entry: Entry): string =>
    of === 'share'
      ? `${(100 * entry.share!).toFixed(0)} % of ${entry.floor}`
      : `${entry.ratio!.toFixed(2)}x ${entry.peer}`
  const name = now.precision === null ? now.row : `${now.row} ${now.precision}`
  const at = `${before.commit}${before.dirty ? '+dirty' : ''}, ${before.date.slice(0, 10)}`
  return `slower: ${name}: ${shown(now)}, ${shown(before)} at ${at} (${((part - 1) * 100).toFixed(0)} %)`
}
