/** @file The table of the benchmark, and the lines below it. */
import { textTable } from '../src/io/text-table.ts'
import type { Bar, Row, RowResult } from './row.ts'

/** A bar, and whether it is met; undefined where what it is about was not measured. */
export interface JudgedBar extends Bar {
  readonly met: boolean | undefined
}

const COLUMNS = [
  { title: 'row' },
  { title: 'precision' },
  { title: 'ours', align: 'right' },
  { title: 'floor', align: 'right' },
  { title: 'peer' },
  { title: 'ratio', align: 'right' },
  { title: 'memory', align: 'right' },
  { title: 'bar' },
] as const

const ABSENT = '-'

/** The bars of a row for the precision that was measured. */
export function judgedBars({ bars = [] }: Pick<Row, 'bars'>, result: RowResult): JudgedBar[] {
  return bars
    .filter(({ precision }) => precision === undefined || precision === result.precision)
    .map(bar => ({ ...bar, met: isMet(bar, result) }))
}

function isMet({ of, bound, authors }: Bar, { share, peer }: RowResult): boolean | undefined {
  if (of === 'share') return share === null ? undefined : share >= bound
  if (peer === null || (authors && !peer.authors)) return undefined
  if (of === 'ratio') return peer.ratio >= bound
  return peer.memory === null ? undefined : peer.memory <= bound
}

/** A line a result; `-` where something was not measured. */
export function resultTable(
  results: readonly { readonly result: RowResult; readonly bars: readonly JudgedBar[] }[],
): string {
  return textTable(
    COLUMNS,
    results.map(({ result, bars }) => cells(result, bars)),
  )
}

function cells({ row, precision, value, unit, share, floor, peer }: RowResult, bars: readonly JudgedBar[]) {
  return [
    row,
    precision ?? ABSENT,
    `${shown(value)} ${unit}`,
    share === null ? ABSENT : `${(100 * share).toFixed(share < 0.095 ? 1 : 0)} % ${floor}`,
    peer === null ? ABSENT : `${peer.name}: ${shown(peer.value)}`,
    peer === null ? ABSENT : `${shown(peer.ratio)}x`,
    peer === null || peer.memory === null ? ABSENT : `${peer.memory.toFixed(2)}x`,
    bars.length === 0 ? ABSENT : bars.map(barText).join(', '),
  ]
}

function barText({ of, bound, met }: JudgedBar): string {
  const bounds = {
    share: `>= ${(100 * bound).toFixed(0)} %`,
    ratio: `>= ${bound}x`,
    memory: `memory <= ${bound}x`,
  }
  return `${bounds[of]} ${met === undefined ? 'not measured' : met ? 'met' : 'MISSED'}`
}

/** Three digits. */
function shown(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 0.1 ? 2 : 4
  return value.toFixed(digits)
}

/** How to give the peers that were missing, a line each; and how far results were from the peers'. */
export function noteLines(results: readonly RowResult[]): string[] {
  const missing = new Map<string, Set<string>>()
  for (const { missing: how, row } of results)
    if (how !== null) missing.set(how, new Set([...(missing.get(how) ?? []), row]))
  const far = new Map(
    results.flatMap(({ row, peer }) =>
      peer === null || peer.difference === null ? [] : [[row, peer.difference] as const],
    ),
  )
  return [
    ...[...missing].map(([how, rows]) => `no peer for ${[...rows].join(', ')}: ${how}`),
    ...[...far].map(
      ([row, difference]) => `${row}: largest difference to the peer ${difference.toExponential(1)}`,
    ),
  ]
}
