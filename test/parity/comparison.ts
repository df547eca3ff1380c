/** @file How an output is held against its golden tensor. Imports nothing. */

/** The outcome for one expected tensor. `maxRel` is the largest error over the tensor's largest magnitude. */
export interface Comparison {
  readonly tensor: string
  readonly maxAbs: number
  readonly maxRel: number
  readonly tolerance: number
  readonly exact: boolean
  readonly ok: boolean
}

/** Floats: the largest error, relative to the expected tensor's largest magnitude, must be within `tolerance`. */
export function compareFloat(
  tensor: string,
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  tolerance: number,
): Comparison {
  const { maxAbs, scale } = largest(got, want)
  const maxRel = maxAbs === 0 ? 0 : maxAbs / scale
  return { tensor, maxAbs, maxRel, tolerance, exact: false, ok: maxRel <= tolerance }
}

/** Integers and labels: every element must be the same. */
export function compareExact(tensor: string, got: ArrayLike<number>, want: ArrayLike<number>): Comparison {
  const { maxAbs, scale } = largest(got, want)
  return {
    tensor,
    maxAbs,
    maxRel: maxAbs === 0 ? 0 : maxAbs / scale,
    tolerance: 0,
    exact: true,
    ok: maxAbs === 0,
  }
}

function largest(got: ArrayLike<number>, want: ArrayLike<number>): { maxAbs: number; scale: number } {
  if (got.length !== want.length) return { maxAbs: Number.POSITIVE_INFINITY, scale: 1 }
  let maxAbs = 0
  let scale = 0
  for (let i = 0; i < want.length; i++) {
    const error = Math.abs(got[i]! - want[i]!)
    maxAbs = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(maxAbs, error)
    scale = Math.max(scale, Math.abs(want[i]!))
  }
  return { maxAbs, scale }
}
