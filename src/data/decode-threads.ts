/** @file How many threads decode images: as many as told, or more as long as computing waits for images and is the faster for it. */
import { availableParallelism } from 'node:os'
import { monotonic } from '../io/profile.ts'

export interface DecodeThreads {
  /** To use for the next task. */
  readonly count: number
  /** The most that there can ever be. */
  readonly most: number
  /** Computing begins, or begins again: what was before is no waiting. */
  begin(): void
  /** Waits for what one of them makes. */
  wait<T>(made: Promise<T>): Promise<T>
}

export interface DecodeThreadOptions {
  /** Never more, on a machine with many processors. */
  readonly most?: number
  /** Milliseconds. */
  readonly clock?: () => number
}

/** A window of time and waits, after which the number may change. */
const WINDOW = { milliseconds: 2000, waits: 16 }
/** The share of a window that computing may wait. */
const IDLE = 0.1
/** What a change must be worth: waits a second, over those before. */
const GAIN = 1.05

/** `threads`: how many; null: one, doubled while it helps. Loading is the same for any number. */
export function decodeThreads(
  threads: number | null,
  { most = Math.min(availableParallelism(), 16), clock = monotonic }: DecodeThreadOptions = {},
): DecodeThreads {
  if (threads !== null) return { count: threads, most: threads, begin: () => undefined, wait: made => made }
  let count = 1
  /** Waits a second with half as many; 0 where they were not measured. */
  let before = 0
  let settled = most <= 1
  let last = clock()
  const window = { elapsed: 0, waited: 0, waits: 0, warm: false }
  const restart = (warm: boolean): void =>
    void Object.assign(window, { elapsed: 0, waited: 0, waits: 0, warm })

  /** The first window of a new thread, which still starts, is not counted. */
  function decide(): void {
    if (window.elapsed < WINDOW.milliseconds || window.waits < WINDOW.waits) return
    const { warm, waits, elapsed, waited } = window
    restart(true)
    if (!warm) return
    const rate = waits / elapsed
    if (before > 0 && rate < GAIN * before) {
      count /= 2
      settled = true
    } else if (waited / elapsed > IDLE && 2 * count <= most) {
      before = rate
      count *= 2
      restart(false)
    } else before = 0
  }

  return {
    get count() {
      return count
    },
    most,
    begin() {
      last = clock()
    },
    async wait(made) {
      if (settled) return made
      const asked = clock()
      const result = await made
      const now = clock()
      window.elapsed += now - last
      window.waited += now - asked
      window.waits++
      last = now
      decide()
      return result
    },
  }
}
