/** @file Speed of matrix products on this machine, in the shape of a DeiT-S block. */
import { ops, scope } from './index.ts'
import { native } from './native.ts'

export interface Speed {
  readonly version: string
  readonly threads: number
  /** GFLOP/s. */
  readonly fp32: number
  readonly bf16: number
}

/** Best of a few products [3456, 384] x [384, 1536] in each precision; takes about half a second. */
export function measureProducts({ repeats = 12 }: { repeats?: number } = {}): Speed {
  const [rows, inner, columns] = [3456, 384, 1536]
  const best = (dtype: 'float32' | 'bfloat16'): number =>
    scope(() => {
      const a = ops.toDtype(ops.randn([rows, inner]), dtype)
      const b = ops.toDtype(ops.randn([inner, columns]), dtype)
      const seconds = Array.from({ length: repeats }, () => {
        const start = process.hrtime.bigint()
        ops.mm(a, b).dispose()
        return Number(process.hrtime.bigint() - start) / 1e9
      })
      return (2 * rows * inner * columns) / Math.min(...seconds) / 1e9
    })
  return {
    version: native.describe().version,
    threads: native.threads(),
    fp32: best('float32'),
    bf16: best('bfloat16'),
  }
}

// Run as a program by `doctor`, once for each libtorch, because one process loads one.
if (process.argv.includes('--measure-products')) process.stdout.write(JSON.stringify(measureProducts()))
