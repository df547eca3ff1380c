/** @file A profile as tables: where the wall time went, work beside the main thread, operators by their own time. */
import type { OperatorTotal, Profile, Work, WorkSpan } from '../../io/profile.ts'
import { textTable } from '../../io/text-table.ts'

/** `rows`: operators shown, those with the most time of their own. */
export function profileText(profile: Profile, { rows = 25 }: { rows?: number } = {}): string {
  const { wall, busy, spans, operators } = profile
  const all = operators?.operators ?? []
  const inOperators = sum(all.map(({ self }) => self)) / 1e6
  const numbers = [
    ['wall', wall],
    ['main thread busy', busy],
    ['main thread waiting', Math.max(0, wall - busy)],
    ...(operators === undefined ? [] : [['in operators', inOperators] as const]),
  ] as const
  const times = textTable(
    [{ title: 'time' }, right('s'), right('%')],
    numbers.map(([name, ms]) => [name, seconds(ms), percent(ms / wall)]),
  )
  return [
    times,
    besideText(spans, wall),
    operators && operatorText(all, inOperators, rows),
    leftText(profile),
  ]
    .filter(Boolean)
    .join('\n\n')
}

/** Work that may run at the same time as everything else; undefined without any. */
function besideText(spans: readonly WorkSpan[], wall: number): string | undefined {
  const kinds = [...new Set(spans.map(({ work }) => work))].sort()
  if (kinds.length === 0) return undefined
  const row = (work: Work): string[] => {
    const own = spans.filter(span => span.work === work)
    const covered = coveredMs(own)
    const total = sum(own.map(({ start, end }) => end - start))
    return [work, String(own.length), seconds(total), seconds(covered), percent(covered / wall)]
  }
  return textTable(
    [{ title: 'beside the main thread' }, right('times'), right('s in all'), right('s of wall'), right('%')],
    kinds.map(row),
  )
}

/** Milliseconds during which at least one of the spans was open. */
export function coveredMs(spans: readonly Pick<WorkSpan, 'start' | 'end'>[]): number {
  let covered = 0
  let until = Number.NEGATIVE_INFINITY
  for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    covered += Math.max(0, end - Math.max(start, until))
    until = Math.max(until, end)
  }
  return covered
}

function operatorText(operators: readonly OperatorTotal[], total: number, rows: number): string {
  const sorted = [...operators].sort((a, b) => b.self - a.self)
  const shown = sorted.slice(0, rows)
  const more = sorted.slice(rows)
  const row = ({ name, calls, self, bytes, flops }: OperatorTotal): string[] => {
    const rate = (amount: number): string => (self > 0 && amount > 0 ? (amount / self).toFixed(1) : '')
    return [
      name,
      String(calls),
      seconds(self / 1e6),
      percent(self / 1e6 / total),
      (bytes / 1e9).toFixed(2),
      flops > 0 ? (flops / 1e9).toFixed(1) : '',
      rate(flops),
    ]
  }
  const rest = {
    name: `${more.length} others`,
    calls: sum(more.map(({ calls }) => calls)),
    self: sum(more.map(({ self }) => self)),
    total: 0,
    bytes: sum(more.map(({ bytes }) => bytes)),
    flops: sum(more.map(({ flops }) => flops)),
  }
  return textTable(
    [
      { title: 'operator', most: 44 },
      right('calls'),
      right('own s'),
      right('%'),
      right('GB of operands'),
      right('GFLOP'),
      right('GFLOP/s'),
    ],
    [...shown, ...(more.length > 0 ? [rest] : [])].map(row),
  )
}

function leftText({ operators }: Profile): string | undefined {
  const left = operators?.left ?? 0
  return left > 0
    ? `The trace holds the first calls only, without the last ${left}; the table counts all.`
    : undefined
}

function right(title: string) {
  return { title, align: 'right' } as const
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2)
}

function percent(share: number): string {
  return Number.isFinite(share) ? (100 * share).toFixed(1) : ''
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
