/** @file Tensors of a golden file that rounding alone moves further than the bar: a kink of |x| or ReLU lies on the way. */
import { z } from 'zod'
import type { Comparison } from './comparison.ts'
import type { Fixture } from './fixture.ts'

const deviations = z.record(z.string(), z.number())

/** What the files' README calls tight and fair. */
const TIMES = 10

/**
 * Files say how far their float32 numbers lie from the same code's float64 ones (`fp64_max_abs_dev`, in later files
 * `float32_vs_float64`). Two float32 runs cannot agree better than that: where ten times that deviation is above the bar,
 * it is the bar, and the note says so. Every comparison within its bar is left as it is.
 */
export function allowRounding(fixture: Fixture, comparisons: readonly Comparison[]): Comparison[] {
  const written = fixture.metadata.fp64_max_abs_dev ?? fixture.metadata.float32_vs_float64
  const own = deviations.parse(JSON.parse(written ?? '{}'))
  return comparisons.map(comparison => {
    const { tensor, maxAbs, maxRel, tolerance, ok, bar } = comparison
    const deviation = own[tensor] ?? 0
    const scale = maxAbs / maxRel // the tensor's largest magnitude
    if (ok || bar !== 'relative' || deviation / scale <= tolerance / TIMES) return comparison
    const allowed = TIMES * deviation
    const note = `rounding moves the original's by ${deviation.toExponential(1)}`
    return { ...comparison, tolerance: allowed, bar: 'absolute', ok: maxAbs <= allowed, note }
  })
}
