/**
 * @file A network in float64. Where a golden file's float32 numbers pass a kink (ReLU, |x|), which side a value falls on is
 * decided by the last bit of a convolution, and processors differ in that; float64 falls where the original's float64 did.
 */
import { Buffer, type Module, Parameter } from '../../src/nn/index.ts'
import { noGrad } from '../../src/torch/index.ts'

/** Replaces every parameter and buffer; handles taken before are gone. */
export function toDouble(module: Module): void {
  for (const [key, value] of Object.entries(module)) {
    if (!(value instanceof Parameter || value instanceof Buffer)) continue
    const wide = noGrad(() => value.to({ dtype: 'float64' }))
    const own = value instanceof Parameter ? new Parameter(wide) : new Buffer(wide)
    own.requiresGrad = value.requiresGrad
    Object.assign(module, { [key]: own })
    value.dispose()
  }
  for (const child of module.children()) toDouble(child)
}
