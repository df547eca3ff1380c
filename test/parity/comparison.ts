/** @file Comparison of an output with its golden tensor. Imports nothing. */
/** The outcome for one expected tensor. `maxRel` is the largest error over the tensor's largest magnitude. */
export interface Comparison {
  readonly tensor: string
  readonly maxAbs: number
  readonly maxRel: number
  readonly tolerance: number
  /** Meaning of `tolerance`: bound of the relative error, of the absolute one, or exact equality. */
  readonly bar: 'relative' | 'absolute' | 'exact'
  readonly ok: boolean
  /** A remark: another shape, an entry left out. */
  readonly note?: string
}

/** Floats: the largest error, relative to the expected tensor's largest magnitude, must be within `tolerance`. */
export function compareFloat(
  tensor: string,
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  tolerance: number,
): Comparison {
  const { maxAbs, maxRel } = largest(got, want)
  return { tensor, maxAbs, maxRel, tolerance, bar: 'relative', ok: maxRel <= tolerance }
}

/** Probabilities: the largest error itself must be within `tolerance`. */
export function compareAbsolute(
  tensor: string,
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  tolerance: number,
): Comparison {
  const { maxAbs, maxRel } = largest(got, want)
  return { tensor, maxAbs, maxRel, tolerance, bar: 'absolute', ok: maxAbs <= tolerance }
}

/** Integers and labels: every element must be the same. */
export function compareExact(tensor: string, got: ArrayLike<number>, want: ArrayLike<number>): Comparison {
  const { maxAbs, maxRel } = largest(got, want)
  return { tensor, maxAbs, maxRel, tolerance: 0, bar: 'exact', ok: maxAbs === 0 }
}

/** A failure that has no numbers. */
export function mismatch(tensor: string, note: string): Comparison {
  const infinite = { maxAbs: Number.POSITIVE_INFINITY, maxRel: Number.POSITIVE_INFINITY }
  return { tensor, ...infinite, tolerance: 0, bar: 'exact', ok: false, note }
}

function largest(got: ArrayLike<number>, want: ArrayLike<number>): { maxAbs: number; maxRel: number } {
  let maxAbs = got.length === want.length ? 0 : Number.POSITIVE_INFINITY
  let scale = 0
  for (let i = 0; i < want.length; i++) {
    const error = Math.abs(got[i]! - want[i]!)
    maxAbs = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(maxAbs, error)
    scale = Math.max(scale, Math.abs(want[i]!))
  }
  return { maxAbs, maxRel: maxAbs === 0 ? 0 : maxAbs / scale }
}
