/** @file Where the time of a command goes while a profile runs: spans of work off the main thread, libtorch's operators. */
import { performance } from 'node:perf_hooks'

/** Work that runs beside the main thread. */
export type Work = 'decode' | 'dense CRF' | 'PAR' | 'write'

/** Milliseconds of the monotonic clock; `end` is when the main thread had the result. */
export interface WorkSpan {
  readonly work: Work
  readonly start: number
  readonly end: number
}

/** One operator of libtorch. Times in nanoseconds; `self` without the operators that it calls. */
export interface OperatorTotal {
  readonly name: string
  readonly calls: number
  readonly self: number
  readonly total: number
  /** Of its operands and results. */
  readonly bytes: number
  /** Of matrix products and convolutions; 0 for others. */
  readonly flops: number
}

export interface OperatorProfile {
  readonly operators: readonly OperatorTotal[]
  /** (start, duration, index of the operator, thread) of each call, in nanoseconds of the monotonic clock. */
  readonly events: Float64Array
  /** Calls beyond those in `events`. */
  readonly left: number
}

export interface Profile {
  /** Milliseconds: `start` of the monotonic clock; `busy` of the main thread. */
  readonly start: number
  readonly wall: number
  readonly busy: number
  readonly spans: readonly WorkSpan[]
  /** Undefined where libtorch was not loaded. */
  readonly operators: OperatorProfile | undefined
}

interface OperatorProfiler {
  start(): void
  stop(): OperatorProfile
}

let profiler: OperatorProfiler | undefined
let current:
  | { start: number; spans: WorkSpan[]; loop: ReturnType<typeof performance.eventLoopUtilization> }
  | undefined

/** libtorch, once it is loaded: this folder does not import it. */
export function provideOperators(operators: OperatorProfiler): void {
  profiler = operators
  if (current !== undefined) profiler.start()
}

/** Milliseconds of the monotonic clock, the same in all threads. */
export function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** Begins to record, operators from the moment that libtorch is loaded. One profile at a time. */
export function startProfile(): void {
  if (current !== undefined) throw new TypeError('a profile is running')
  current = { start: monotonic(), spans: [], loop: performance.eventLoopUtilization() }
  profiler?.start()
}

/** What was recorded since `startProfile`. */
export function stopProfile(): Profile {
  if (current === undefined) throw new TypeError('no profile is running')
  const { start, spans, loop } = current
  current = undefined
  return {
    start,
    wall: monotonic() - start,
    busy: performance.eventLoopUtilization(loop).active,
    spans,
    operators: profiler?.stop(),
  }
}

/** `body`, recorded as `work` while a profile runs. */
export async function timed<T>(work: Work, body: () => Promise<T>): Promise<T> {
  if (current === undefined) return body()
  const start = monotonic()
  try {
    return await body()
  } finally {
    addSpan({ work, start, end: monotonic() })
  }
}

/** Work that another thread has timed. */
export function addSpan(span: WorkSpan): void {
  current?.spans.push(span)
}
