/** @file A profile in the trace format of Chrome (chrome://tracing, ui.perfetto.dev): times in microseconds. */
import type { Profile, Work } from '../../io/profile.ts'

const PROCESS = 1
const FIRST_BESIDE = 1000 // the threads of libtorch are counted from 1

/** JSON text in pieces; one event for each operator call and each span, on a row of its own for overlapping spans. */
export function* chromeTrace({ start, spans, operators }: Profile): Generator<string> {
  const lanes = lanesOf(spans)
  yield '{"displayTimeUnit":"ms","traceEvents":[\n'
  yield JSON.stringify({ ph: 'M', name: 'process_name', pid: PROCESS, args: { name: 'tagmask' } })
  for (const [lane, work] of lanes.names.entries())
    yield `,\n${JSON.stringify({ ph: 'M', name: 'thread_name', pid: PROCESS, tid: FIRST_BESIDE + lane, args: { name: work } })}`
  for (const [i, { work, start: from, end }] of spans.entries())
    yield event({
      name: work,
      cat: 'beside',
      ts: from - start,
      dur: end - from,
      tid: FIRST_BESIDE + lanes.of[i]!,
    })
  if (operators !== undefined) {
    const { events, operators: named } = operators
    for (let i = 0; i < events.length; i += 4) {
      const [at, took, name, tid] = events.subarray(i, i + 4) as unknown as [number, number, number, number]
      yield event({ name: named[name]!.name, cat: 'operator', ts: at / 1e6 - start, dur: took / 1e6, tid })
    }
  }
  yield '\n]}\n'
}

interface TraceEvent {
  readonly name: string
  readonly cat: string
  /** Milliseconds since the profile began, and of the event. */
  readonly ts: number
  readonly dur: number
  readonly tid: number
}

function event({ name, cat, ts, dur, tid }: TraceEvent): string {
  return `,\n{"ph":"X","name":${JSON.stringify(name)},"cat":"${cat}","ts":${(ts * 1000).toFixed(1)},"dur":${(dur * 1000).toFixed(1)},"pid":${PROCESS},"tid":${tid}}`
}

/** The row of each span: the first of its kind that is free when it begins. */
function lanesOf(spans: Profile['spans']): {
  readonly of: readonly number[]
  readonly names: readonly Work[]
} {
  const lanes: { work: Work; until: number }[] = []
  const of: number[] = new Array(spans.length)
  const order = [...spans.keys()].sort((a, b) => spans[a]!.start - spans[b]!.start)
  for (const i of order) {
    const { work, start, end } = spans[i]!
    const free = lanes.findIndex(lane => lane.work === work && lane.until <= start)
    const lane = free === -1 ? lanes.push({ work, until: end }) - 1 : free
    lanes[lane]!.until = end
    of[i] = lane
  }
  return { of, names: lanes.map(({ work }) => work) }
}
