/** @file Progress for programs: an object every ten seconds and one at the end. Imports nothing above src/train. */
import type { Progress, ProgressOptions, ProgressValues } from './progress.ts'
import { ProgressRate } from './progress-rate.ts'

/** Numbers and texts as they are; `etaSeconds` is null where it is not known. */
export interface ProgressRecord {
  readonly title: string
  readonly done: number
  readonly total: number
  readonly unit: string
  readonly etaSeconds: number | null
  readonly fields: ProgressValues
}

const EVERY_MS = 10_000

/** A progress that gives its state to `record`. */
export function recordProgress(
  { title, total, start = 0, unit = 'images' }: ProgressOptions,
  { clock, record }: { clock: () => number; record: (now: ProgressRecord) => void },
): Progress {
  const rate = new ProgressRate({ total, start, now: clock() })
  let done = start
  let fields: ProgressValues = {}
  let due = clock() + EVERY_MS
  let recorded = -1
  const write = (): void => {
    const etaSeconds = Number.isFinite(rate.left) ? Math.round(rate.left) : null
    record({ title, done, total, unit, etaSeconds, fields })
    recorded = done
    due = clock() + EVERY_MS
  }
  return {
    update(now, next = fields) {
      done = now
      fields = next
      rate.update(done, clock())
      if (clock() >= due) write()
    },
    finish() {
      if (recorded !== done && !(done === start && start >= total)) write()
      recorded = done
    },
    drop() {},
    clear() {},
    draw() {},
  }
}
