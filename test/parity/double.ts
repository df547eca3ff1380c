/**
 * @file A network in float64. Near a kink (ReLU, |x|) the last float32 bit of a convolution, which differs between
 * processors, decides the side of a value; float64 agrees with the original's float64.
 */
import { Buffer, type Module, Parameter } from '../../src/nn/index.ts'
import { noGrad } from '../../src/torch/index.ts'

/** Replaces every parameter and buffer; earlier handles are disposed. */
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
