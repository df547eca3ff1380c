/** @file The precision switch: the same on CPU and CUDA. */
import { scalarType } from './dtype.ts'
import { native } from './native.ts'

export type Precision = 'fp32' | 'bf16'

/** Runs `body` under autocast where the precision asks for it: matrix products in bfloat16, parameters in float32. */
export function autocast<T>(
  { precision, device = 'cpu' }: { precision: Precision; device?: string },
  body: () => T,
): T {
  if (precision === 'fp32') return body()
  native.enterAutocast(device.startsWith('cuda') ? 'cuda' : 'cpu', scalarType('bfloat16'))
  try {
    return body()
  } finally {
    native.leaveAutocast()
  }
}
