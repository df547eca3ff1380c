/** @file Whether tensors hold nothing but numbers: what is not finite must never reach a checkpoint. */
import { ops, scope, type Tensor } from '../torch/index.ts'

const FLOATS: readonly string[] = ['float32', 'float64', 'float16', 'bfloat16']

/**
 * Name of the first tensor with a value that is NaN or infinite; undefined when there is none. One sum a tensor and one
 * transfer for all: a finite sum proves all values finite; one that is not may have overflowed, so its values are checked
 * one by one.
 */
export function firstNotFinite(tensors: ReadonlyMap<string, Tensor>): string | undefined {
  const floats = [...tensors].filter(([, { dtype, elements }]) => FLOATS.includes(dtype) && elements > 0)
  if (floats.length === 0) return undefined
  return scope(() => {
    const sums = floats.map(([, tensor]) => tensor.detach().sum().to({ dtype: 'float32' }))
    if (Number.isFinite(ops.stack(sums).sum().item())) return undefined
    return floats.find(([, tensor]) => !holdsNumbers(tensor))?.[0]
  })
}

function holdsNumbers(tensor: Tensor): boolean {
  return scope(() => ops.all(ops.isfinite(tensor.detach())).item()) === 1
}
