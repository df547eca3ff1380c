/** @file One progress line: redrawn in place on a terminal, plain lines at growing intervals elsewhere. Imports nothing above src/train. */
import { printable } from '../io/printable.ts'
import { formatDuration } from './duration.ts'
import { ProgressRate } from './progress-rate.ts'

/** The part of a Node stream that is needed. */
export interface ProgressStream {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

export interface ProgressOptions {
  /** Name of the work, as in "train" or "maps". */
  readonly title: string
  /** Units in total. */
  readonly total: number
  /** Units done in an earlier session: they count for the share, not for the rate. */
  readonly start?: number
  /** Unit, as in "images". */
  readonly unit?: string
}

/** Losses and other values, shown in this order; numbers with four significant digits. */
export type ProgressValues = Readonly<Record<string, number | string>>

export interface Progress {
  /** `done` units of the total are done. */
  update(done: number, values?: ProgressValues): void
  /** Draws the last state and ends the line; draws nothing when there was nothing to do. */
  finish(): void
  /** Ends without a last line, as when there was nothing to do. */
  drop(): void
  /** Clears the line, so that something else can be written (terminals only). */
  clear(): void
  draw(): void
}

export interface ProgressSurroundings {
  readonly stream: ProgressStream
  readonly clock: () => number
  readonly colour?: boolean
  readonly onFinish?: () => void
}

const REDRAW_MS = 100
const PLAIN_MS = 5000 // the first plain line, and the shortest time between two
const PLAIN_GROWTH = 0.3 // of the time so far, between two plain lines: 17 in the first 12 minutes
const PLAIN_MOST_MS = 600_000
const BAR = 20

/** A progress line on a stream. Rate and ETA are those of the last 30 s. */
export function createProgress(
  { title: name, total, start = 0, unit = 'images' }: ProgressOptions,
  { stream, clock, colour = false, onFinish }: ProgressSurroundings,
): Progress {
  const title = printable(name, { oneLine: true })
  const terminal = stream.isTTY === true
  const began = clock()
  let done = start
  let values: ProgressValues = {}
  let due = terminal ? began : began + PLAIN_MS
  let shown = -1 // units in the last plain line
  let finished = false
  const rate = new ProgressRate({ total, start, now: began })

  const text = (time: number) => {
    const share = total > 0 ? Math.min(1, done / total) : 1
    const rest =
      done >= total ? `in ${formatDuration(rate.elapsed(time))}` : `ETA ${formatDuration(rate.left)}`
    const parts = [
      `${done}/${total} ${unit}`,
      `${formatRate(rate.perSecond)}/s`,
      rest,
      ...Object.entries(values).map(showValue),
    ]
    if (!terminal) return `${title} ${Math.floor(share * 100)}% · ${parts.join(' · ')}`
    const filled = Math.round(share * BAR)
    const bar =
      '━'.repeat(filled) +
      (colour ? `\u001b[2m${'━'.repeat(BAR - filled)}\u001b[22m` : ' '.repeat(BAR - filled))
    const room = Math.max(20, (stream.columns || 80) - title.length - BAR - 3)
    return `${title} ${bar} ${parts.join(' · ').slice(0, room)}`
  }
  const draw = () => {
    if (finished) return
    if (terminal) stream.write(`\r\u001b[2K${text(clock())}`)
  }
  const show = (time: number) => {
    const plain = Math.min(PLAIN_MOST_MS, Math.max(PLAIN_MS, PLAIN_GROWTH * (time - began)))
    due = time + (terminal ? REDRAW_MS : plain)
    shown = done
    if (terminal) draw()
    else stream.write(`${text(time)}\n`)
  }
  return {
    draw,
    clear: () => {
      if (terminal && !finished) stream.write('\r\u001b[2K')
    },
    update(now, next = values) {
      done = now
      values = next
      const time = clock()
      rate.update(done, time)
      if (time >= due) show(time)
    },
    drop() {
      if (terminal && !finished) stream.write('\r\u001b[2K')
      finished = true
      onFinish?.()
    },
    finish() {
      if (finished) return
      if (done === start && start >= total) return this.drop() // there was nothing to do
      if (terminal || shown !== done) show(clock())
      if (terminal) stream.write('\n')
      finished = true
      onFinish?.()
    },
  }
}

function formatRate(rate: number): string {
  return rate >= 100 ? rate.toFixed(0) : rate >= 1 ? rate.toFixed(1) : rate.toFixed(2)
}

function showValue([name, value]: [string, number | string]): string {
  if (typeof value === 'string') return printable(`${name} ${value}`, { oneLine: true })
  if (Number.isInteger(value)) return `${name} ${value}`
  return `${name} ${Math.abs(value) < 1e-3 ? value.toExponential(2) : value.toPrecision(4)}`
}
