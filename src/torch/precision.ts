/** @file The precision switch: the same on CPU and CUDA. */
import { scalarType } from './dtype.ts'
import { native } from './native.ts'

export type Precision = 'fp32' | 'bf16'

let depth = 0 // of nested calls

/** Runs `body` under autocast where the precision asks for it: matrix products in bfloat16, parameters in float32. */
export function autocast<T>(
  { precision, device = 'cpu' }: { precision: Precision; device?: string },
  body: () => T,
): T {
  if (precision === 'fp32') return body()
  depth++
  native.enterAutocast(device.startsWith('cuda') ? 'cuda' : 'cpu', scalarType('bfloat16'))
  try {
    return body()
  } finally {
    depth--
    native.leaveAutocast(depth === 0)
  }
}

/**
 * Keeps the weights that autocast has converted from one call to the next, until the returned function is called. For passes
 * over images only: weights must not change meanwhile.
 */
export function holdCasts(): () => void {
  native.holdCasts(true)
  let held = true
  return () => {
    if (held) native.holdCasts(false)
    held = false
  }
}
