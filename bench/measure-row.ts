/** @file Measures a row: warms up, then rounds of peer, floor and ours in turn; medians, and each round's ratios. */
import { setTimeout } from 'node:timers/promises'
import { resetPeakResident, resident } from './resident.ts'
import type { Conditions, Contest, Peer, PeerResult, PeerRun, Row, RowResult } from './row.ts'
import { median, medianRatio } from './statistics.ts'

export interface Rounds {
  /** Counted rounds, after the calls that warm up. */
  readonly rounds: number
  /** Least time of ours in a round: short calls are repeated. */
  readonly seconds: number
  /** Seconds in which our threads, which spin after their work, come to rest before the peer runs. */
  readonly rest: number
  readonly onRound?: (round: number) => void
}

/** Seconds of a call, and the bytes that were resident before and at most. */
interface OwnRun {
  readonly seconds: number
  readonly before: number
  readonly peak: number
}

/** Prepares the row, measures and closes it. */
export async function measureRow(row: Row, conditions: Conditions, rounds: Rounds): Promise<RowResult> {
  const contest = await row.prepare(conditions)
  try {
    return resultOf(row, conditions, contest, await runRounds(contest, rounds))
  } finally {
    await contest.close?.()
  }
}

/** A call of so many seconds is warm after one. */
const LONG = 5

interface Measured {
  /** The first calls, each in a fresh process: they warm it up, and what they take above what was there is theirs alone. */
  readonly first: { readonly ours: OwnRun; readonly theirs: PeerRun | undefined }
  readonly ours: readonly OwnRun[]
  readonly theirs: readonly PeerRun[]
  /** Seconds. */
  readonly least: readonly number[]
  readonly difference: number | null
}

async function runRounds(
  { ours, peer, floor }: Pick<Contest, 'ours' | 'peer' | 'floor'>,
  { rounds, seconds, rest, onRound }: Rounds,
): Promise<Measured> {
  const measured = { ours: [] as OwnRun[], theirs: [] as PeerRun[], least: [] as number[] }
  onRound?.(0)
  const first = { ours: await timed(ours, 1), theirs: await theirRun(peer) }
  await floor?.seconds()
  const { seconds: warm } = first.ours.seconds > LONG ? first.ours : await timed(ours, 1)
  const repeats = Math.max(1, Math.ceil(seconds / warm))
  for (let round = 1; round <= rounds; round++) {
    onRound?.(round)
    await setTimeout(1000 * rest)
    const theirs = await theirRun(peer)
    const least = await floor?.seconds()
    measured.ours.push(await timed(ours, repeats))
    if (theirs !== undefined) measured.theirs.push(theirs)
    if (least !== undefined) measured.least.push(least)
  }
  const difference = 'run' in peer ? ((await peer.difference?.()) ?? null) : null
  return { ...measured, first, difference }
}

async function theirRun(peer: Contest['peer']): Promise<PeerRun | undefined> {
  return 'run' in peer ? peer.run() : undefined
}

async function timed(run: () => unknown, repeats: number): Promise<OwnRun> {
  resetPeakResident()
  const before = resident().now
  const begin = performance.now()
  for (let i = 0; i < repeats; i++) await run()
  return { seconds: (performance.now() - begin) / 1000 / repeats, before, peak: resident().peak }
}

function resultOf(
  { name, unit, byPrecision }: Row,
  { precision }: Conditions,
  { amount, peer, floor, memory }: Contest,
  measured: Measured,
): RowResult {
  const { ours, least } = measured
  const seconds = ours.map(run => run.seconds)
  return {
    row: name,
    precision: byPrecision ? precision : null,
    unit,
    value: amount / median(seconds),
    rounds: ours.length,
    share: least.length === 0 ? null : medianRatio(least, seconds),
    floor: floor?.name ?? null,
    peer: 'run' in peer ? peerResult(peer, measured, { amount, memory }) : null,
    missing: 'run' in peer ? null : (peer.missing ?? null),
  }
}

function peerResult(
  { name, authors = false }: Peer,
  { first, ours, theirs, difference }: Measured,
  { amount, memory }: { readonly amount: number; readonly memory: Contest['memory'] | undefined },
): PeerResult {
  const taken = theirs.map(run => run.seconds)
  const share =
    memory === 'process'
      ? highest([first.ours, ...ours]) / highest([first.theirs!, ...theirs])
      : bytesAbove(first.ours) / bytesAbove(first.theirs!)
  return {
    name,
    authors,
    value: amount / median(taken),
    ratio: medianRatio(
      taken,
      ours.map(run => run.seconds),
    ),
    memory: memory === undefined ? null : share,
    difference,
  }
}

type Resident = Pick<PeerRun, 'peak' | 'before'>

const highest = (runs: readonly Resident[]): number => Math.max(...runs.map(({ peak = Number.NaN }) => peak))

/** A call that takes next to nothing counts as a megabyte. */
const bytesAbove = ({ peak = Number.NaN, before = Number.NaN }: Resident): number =>
  Math.max(2 ** 20, peak - before)
