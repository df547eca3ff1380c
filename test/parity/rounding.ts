/** @file Tensors of a golden file that rounding alone moves further than the bar: a kink of |x| or ReLU lies on the way. */
import { z } from 'zod'
import type { Comparison } from './comparison.ts'
import type { Fixture } from './fixture.ts'

const deviations = z.record(z.string(), z.number())

/** The bar of the files' README. */
const TIMES = 10

/**
 * Files give the deviation of their float32 numbers from the same code's float64 ones (`fp64_max_abs_dev`, `float32_vs_float64`). Two float32
 * runs cannot agree better: if ten times that deviation is above the bar, it becomes the bar, with a note. Comparisons
 * within their bar are unchanged.
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
