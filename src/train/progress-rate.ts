/** @file How far work has come, how fast, and how long it will take: what every form of progress shows. Imports nothing. */
const WINDOW_MS = 30_000 // the rate is that of the last half minute

/** Times are milliseconds of the clock that is given; `start` units were done in an earlier session. */
export class ProgressRate {
  readonly #total: number
  readonly #start: number
  readonly #began: number
  readonly #window: { time: number; done: number }[]

  constructor({ total, start, now }: { total: number; start: number; now: number }) {
    this.#total = total
    this.#start = start
    this.#began = now
    this.#window = [{ time: now, done: start }]
  }

  update(done: number, time: number): void {
    this.#window.push({ time, done })
    while (this.#window.length > 2 && time - this.#window[1]!.time >= WINDOW_MS) this.#window.shift()
  }

  /** Units a second of the last 30 s; at the end, of the whole. */
  get perSecond(): number {
    const last = this.#window[this.#window.length - 1]!
    const first = last.done >= this.#total ? { time: this.#began, done: this.#start } : this.#window[0]!
    const seconds = (last.time - first.time) / 1000
    return seconds > 0 ? (last.done - first.done) / seconds : 0
  }

  /** Seconds; infinite before anything is done. */
  get left(): number {
    return Math.max(0, this.#total - this.#window[this.#window.length - 1]!.done) / this.perSecond
  }

  /** Seconds since the start. */
  elapsed(now: number): number {
    return (now - this.#began) / 1000
  }
}
