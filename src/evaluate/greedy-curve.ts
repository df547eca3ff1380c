/** @file How the authors pick a threshold, kept for parity and to explain their numbers; use `bestPoint`. */
import type { SweepPoint } from './threshold-sweep.ts'

/** The points that evaluation.py's `--curve` loop visits from `start`: it stops at the first one whose mIoU is
 * not above the best so far, a plateau included, so it can end far below the best value of the curve. */
export function greedyCurve(
  curve: readonly SweepPoint[],
  { start = 0 }: { start?: number } = {},
): { visited: readonly SweepPoint[]; best: SweepPoint | undefined } {
  const visited: SweepPoint[] = []
  let best: SweepPoint | undefined
  for (const point of curve.slice(start)) {
    visited.push(point)
    if (point.miou <= (best?.miou ?? 0)) break
    best = point
  }
  return { visited, best }
}
